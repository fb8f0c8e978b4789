/** The processes of a session: a shell, and all that was started in it; proc_pid_stat(5), credentials(7). */
import { readdirSync, readFileSync } from 'node:fs';
import { hasErrno, KataError } from '../../wire/error.ts';
import { SIGKILL } from '../container/sigterm.ts';
import { eventually } from '../process/delay.ts';
import { sendSignal } from '../process/send-signal.ts';

/** For processes that fork faster than they are found, or that hang in the kernel (ms). */
const KILL_DEADLINE_MS = 2_000;

/** Session of a process, from the text of its /proc/<pid>/stat; undefined for one that is dead and not yet collected. */
export function liveSession(stat: string): number | undefined {
  // The name, in parentheses, may hold anything.
  const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? undefined : Number(session);
}

function sessionOf(pid: string): number | undefined {
  try {
    return liveSession(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw KataError.from(error);
  }
}

function killOnce(session: number): boolean {
  const members = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && sessionOf(name) === session);
  for (const pid of members) sendSignal(Number(pid), SIGKILL);
  return members.length === 0;
}

/**
 * Kills a session until nothing of it runs. To be called while its leader is there, or right after it was collected: its
 * number is not given to another session as long as one process is in it.
 * @returns false where something runs still after KILL_DEADLINE_MS.
 */
export function killSession(session: number): Promise<boolean> {
  return eventually(() => killOnce(session), KILL_DEADLINE_MS);
}
