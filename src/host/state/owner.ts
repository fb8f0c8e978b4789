/** Who owns a state directory. A pid alone does not tell, because pids are used again; its start time does. */
import { readFileSync } from 'node:fs';
import { KataError } from '../../wire/error.ts';

/** One process, for all time: two processes with one pid differ in start time or boot. */
export interface Owner {
  readonly pid: number;
  /** Clock ticks from the boot to the process's start (proc(5), field 22 of `/proc/PID/stat`). */
  readonly startTicks: string;
  /** `/proc/sys/kernel/random/boot_id`; `/run` may outlive a boot where it is not a tmpfs. */
  readonly bootId: string;
}

/**
 * Field 22 of a line of `/proc/PID/stat`. The second field is the program's name in brackets, which may hold blanks
 * and brackets itself, so fields are counted from the last closing bracket.
 */
export function startTicksOf(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[22 - 3];
}

function readStartTicks(pid: number): string | undefined {
  try {
    return startTicksOf(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** This process as an owner. */
export function self(): Owner {
  const startTicks = readStartTicks(process.pid);
  if (startTicks === undefined) throw new KataError('ERR_HOST', '/proc is not mounted');
  return { pid: process.pid, startTicks, bootId: readBootId() };
}

/** True while the owner's process exists. */
export function isAlive(owner: Owner): boolean {
  return owner.bootId === readBootId() && readStartTicks(owner.pid) === owner.startTicks;
}

/** Reads what {@link self} gave, as JSON. Undefined where the text is something else. */
export function parseOwner(text: string): Owner | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (!('pid' in value) || !('startTicks' in value) || !('bootId' in value)) return undefined;
  const { pid, startTicks, bootId } = value;
  if (typeof pid !== 'number' || typeof startTicks !== 'string' || typeof bootId !== 'string') return undefined;
  return { pid, startTicks, bootId };
}
