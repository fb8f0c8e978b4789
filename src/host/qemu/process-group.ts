/** Whether anything of a process group still runs. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * True while a process of the group holds anything open. A dead one that nobody has collected yet stays a member, and an
 * init may take a second to collect it; it holds nothing once its last thread has ended.
 * @param group number of the group, the pid of its leader.
 */
export function isGroupAlive(group: number): boolean {
  return readdirSync('/proc').some((entry) => /^\d+$/.test(entry) && isAliveIn(group, entry));
}

function isAliveIn(group: number, pid: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the name in brackets may hold anything; state, parent and group follow its last bracket.
    const [state, , memberOf] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(memberOf) !== group) return false;
    return state !== 'Z' || readdirSync(`/proc/${pid}/task`).length > 1;
  } catch {
    // It was collected while we looked.
    return false;
  }
}
