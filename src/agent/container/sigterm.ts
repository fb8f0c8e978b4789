/** Signals to the first process of a container. */
import { readFileSync } from 'node:fs';
import { hasErrno } from '../../wire/error.ts';

export const SIGKILL = 9;
export const SIGTERM = 15;

const SIGTERM_BIT = 1n << BigInt(SIGTERM - 1);

/**
 * Whether a process has a disposition of its own for SIGTERM: blocks, ignores or catches it. The kernel drops a signal
 * at its default that is sent to the first process of a pid namespace; pid_namespaces(7).
 * @param status text of /proc/<pid>/status.
 */
export function handlesSigterm(status: string): boolean {
  for (const [, mask = '0'] of status.matchAll(/^Sig(?:Blk|Ign|Cgt):\s*([0-9a-f]+)$/gm)) {
    if ((BigInt(`0x${mask}`) & SIGTERM_BIT) !== 0n) return true;
  }
  return false;
}

/** Whether SIGTERM would have no effect on the first process of a pid namespace. */
export function ignoresSigterm(pid: number): boolean {
  try {
    return !handlesSigterm(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch (error) {
    // It has ended; whatever is sent now makes no difference.
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}
