/** Signals to processes of containers. */
import { hasErrno, KataError } from '../../wire/error.ts';
import { badField } from './oci-spec/bad-field.ts';

/** The last real-time signal (signal(7)). */
const LAST_SIGNAL = 64;

/**
 * Checks the number of a signal; 0 only asks whether the process is there.
 * @throws KataError (INTERNAL on the wire) for a number that is no signal.
 */
export function checkSignal(number: number): number {
  if (number > LAST_SIGNAL) throw badField('signal', number, `is no signal: there are 0 to ${LAST_SIGNAL}`);
  return number;
}

/**
 * Sends a signal to one process that was not collected yet; one that has ended takes it without effect.
 * @throws KataError ERR_SYSCALL.
 */
export function sendSignal(pid: number, number: number): void {
  try {
    process.kill(pid, number);
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw KataError.from(error);
  }
}
