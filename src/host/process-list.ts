/** Looks for processes of this host by what their command line says. */
import { readdirSync, readFileSync } from 'node:fs';

/** A process. */
export interface ProcessInfo {
  readonly pid: number;
  /** Its name, which the kernel cuts at 15 characters (proc(5), comm). */
  readonly name: string;
  /** Memory that is present, in KiB. */
  readonly residentKiB: number;
  readonly arguments: readonly string[];
}

/** The processes with `text` in one of their arguments. Zombies have no arguments and are not among them. */
export function processesNaming(text: string): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => readProcess(Number(entry)) ?? [])
    .filter((process) => process.arguments.some((argument) => argument.includes(text)));
}

function readProcess(pid: number): ProcessInfo | undefined {
  try {
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return {
      pid,
      name: readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd(),
      residentKiB: Number(resident ?? 0),
      arguments: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1),
    };
  } catch {
    // It ended while we looked.
    return undefined;
  }
}
