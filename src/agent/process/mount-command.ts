/**
 * Mounts and unmounts by child programs: a share or a device that does not answer blocks the one who calls mount(2),
 * and that must never be the agent's main thread.
 */
import { type Bytes, printable } from '../../linux/cstring.ts';
import { exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import { type CommandResult, runCommand } from './command.ts';
import type { Reaper } from './reaper.ts';

const MOUNT = '/bin/mount';
const UMOUNT = '/bin/umount';

/** One mount by a child program. */
export interface ChildMount {
  readonly source: Bytes;
  readonly target: Bytes;
  readonly fstype: string;
  /** As mount(8) takes them after -o. */
  readonly options: readonly string[];
  readonly deadlineMs: number;
}

function checkExit(what: string, result: CommandResult): void {
  const code = exitCode(result.status);
  if (code === 0) return;
  const said = result.stderr.toString('utf8').trim().split('\n')[0] ?? '';
  throw new KataError('ERR_COMMAND', `${what}: ${said === '' ? `exit status ${code}` : said}`);
}

/**
 * Mounts by a child program.
 * @throws KataError ERR_COMMAND with the first line that the program printed; ERR_DEADLINE: the mount may still be
 *   made later where the kernel was only slow.
 */
export async function mountByChild(reaper: Reaper, request: ChildMount): Promise<void> {
  const { source, target, fstype, options, deadlineMs } = request;
  // -i: no mount.TYPE helper, which would be another program with other options.
  const flags = ['-i', '-t', fstype, ...(options.length === 0 ? [] : ['-o', options.join(',')]), '--'];
  const result = await runCommand(reaper, [MOUNT, ...flags, source, target], { deadlineMs });
  checkExit(`mount ${fstype} ${printable(source)} on ${printable(target)}`, result);
}

/**
 * Unmounts by a child program.
 * @param options.lazy detaches now and lets the kernel finish when the last user is gone.
 * @throws KataError ERR_COMMAND with the first line that the program printed; ERR_DEADLINE.
 */
export async function umountByChild(
  reaper: Reaper,
  target: Bytes,
  options: { readonly lazy: boolean; readonly deadlineMs: number },
): Promise<void> {
  const flags = options.lazy ? ['-l'] : [];
  const result = await runCommand(reaper, [UMOUNT, ...flags, '--', target], { deadlineMs: options.deadlineMs });
  checkExit(`umount ${printable(target)}`, result);
}
