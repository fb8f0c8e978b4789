/** Sending signals. */
import { hasErrno, KataError } from '../../wire/error.ts';

/**
 * Sends a signal to a process that was not collected yet; one that has ended takes it without effect.
 * @param pid negative for a process group; kill(2).
 * @throws KataError ERR_SYSCALL.
 */
export function sendSignal(pid: number, signal: number | NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw KataError.from(error);
  }
}
