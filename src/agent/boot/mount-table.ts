/** The kernel's table of mounts. */
import { readFileSync } from 'node:fs';

/** One line of /proc/self/mounts; proc(5). */
export interface MountEntry {
  readonly source: string;
  readonly target: string;
  readonly fstype: string;
  /** Separated by commas, such as `rw,nosuid,memory`. */
  readonly options: string;
}

/** Undoes the octal escapes that the kernel uses for space, tab, newline and backslash. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Parses /proc/self/mounts. Later entries lie on top of earlier ones with the same target. */
export function parseMountTable(table: string): readonly MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of table.split('\n')) {
    const [source, target, fstype, options = ''] = line.split(' ');
    if (source === undefined || target === undefined || fstype === undefined) continue;
    entries.push({ source: unescapeField(source), target: unescapeField(target), fstype, options });
  }
  return entries;
}

/** The table as it is now. @throws an error of Node with its errno where /proc is not mounted. */
export function readMountTable(): readonly MountEntry[] {
  return parseMountTable(readFileSync('/proc/self/mounts', 'utf8'));
}

/** Type of the file system that is seen at the mount point `target`; undefined where nothing is mounted there. */
export function fstypeAt(entries: readonly MountEntry[], target: string): string | undefined {
  return entries.findLast((entry) => entry.target === target)?.fstype;
}
