/** How large the file system of a volume is. */
import { exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import { runCommand } from '../process/command.ts';
import type { Reaper } from '../process/reaper.ts';

/** A disk or share that does not answer must not keep the caller, who asks from time to time (ms). */
const DEADLINE_MS = 10_000;

/** $1 path. The volume must also be one that can be opened. Blocks, free ones, inodes, free ones, bytes of a block. */
const MEASURE = `: < "$1" || exit 1
exec busybox stat -f -c '%b %f %c %d %S' "$1"`;

/** Of one kind, how many there are, and how many are free: the root's reserve among them. */
interface Amount {
  readonly total: bigint;
  readonly free: bigint;
}

/** A file system's size. */
export interface VolumeSize {
  readonly bytes: Amount;
  readonly inodes: Amount;
}

/**
 * Measures the file system of a path.
 * @throws KataError (INTERNAL on the wire) with the reason where it cannot be opened; ERR_DEADLINE.
 */
export async function measureVolume(reaper: Reaper, path: string): Promise<VolumeSize> {
  const argv = ['/bin/sh', '-c', MEASURE, 'sh', path];
  const { status, stdout, stderr } = await runCommand(reaper, argv, { deadlineMs: DEADLINE_MS });
  const numbers = /^(\d+) (\d+) (\d+) (\d+) (\d+)$/.exec(stdout.toString('latin1').trim());
  if (exitCode(status) !== 0 || numbers === null) {
    throw new KataError('ERR_COMMAND', `volume ${JSON.stringify(path)}: ${stderr.toString('utf8').trim()}`);
  }
  const [blocks = 0n, free = 0n, inodes = 0n, freeInodes = 0n, size = 0n] = numbers.slice(1).map(BigInt);
  return { bytes: { total: blocks * size, free: free * size }, inodes: { total: inodes, free: freeInodes } };
}
