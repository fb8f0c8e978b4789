/** Directories on which storages are mounted. */
import { mkdirSync } from 'node:fs';
import { exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import { type MountEntry, readMountTable } from '../boot/mount-table.ts';
import { runCommand } from '../process/command.ts';
import type { Reaper } from '../process/reaper.ts';

/** What is done on a share by a helper may take that long (ms). */
export const SHARE_DEADLINE_MS = 15_000;

/** File systems that answer at once whatever happens outside of the machine. */
const LOCAL_TYPES: ReadonlySet<string> = new Set([
  'tmpfs',
  'ramfs',
  'rootfs',
  'devtmpfs',
  'overlay',
  'erofs',
  'squashfs',
]);

/** What is mounted exactly at `target`, and seen there; a closing slash makes no difference. */
export function mountedAt(target: string): MountEntry | undefined {
  const exact = target.replace(/(?<=.)\/+$/, '');
  return readMountTable().findLast((entry) => entry.target === exact);
}

/** The type of the file system that is mounted exactly at `target`. */
export function mountedType(target: string): string | undefined {
  return mountedAt(target)?.fstype;
}

/** Whether looking `path` up may take for ever: it lies on a share, a disk, or something that we do not know. */
export function mayHang(table: readonly MountEntry[], path: string): boolean {
  let found: MountEntry | undefined;
  for (const entry of table) {
    const prefix = entry.target === '/' ? '/' : `${entry.target}/`;
    const covers = `${path}/`.startsWith(prefix);
    if (covers && entry.target.length >= (found?.target.length ?? 0)) found = entry;
  }
  return !LOCAL_TYPES.has(found?.fstype ?? '');
}

/**
 * Runs a script of the shell on paths that may hang.
 * @param args $1, $2 ... of the script.
 * @throws KataError ERR_COMMAND with the last line that it printed; ERR_DEADLINE.
 */
export async function runShareScript(
  reaper: Reaper,
  what: string,
  script: string,
  args: readonly string[],
): Promise<void> {
  const argv = ['/bin/sh', '-ec', script, 'sh', ...args];
  const { status, stderr } = await runCommand(reaper, argv, { deadlineMs: SHARE_DEADLINE_MS });
  if (exitCode(status) === 0) return;
  const reason = stderr.toString('utf8').trim().split('\n').at(-1) ?? '';
  throw new KataError('ERR_COMMAND', `${what}: ${reason === '' ? `exit status ${exitCode(status)}` : reason}`);
}

/** Makes a directory and its parents where they are missing. */
export async function makeDirectory(reaper: Reaper, path: string): Promise<void> {
  if (mayHang(readMountTable(), path)) {
    // A share may answer ENOSYS to mkdir of a directory that is there.
    await runShareScript(reaper, `mkdir ${path}`, '[ -d "$1" ] || mkdir -p -- "$1"', [path]);
  } else {
    mkdirSync(path, { recursive: true });
  }
}
