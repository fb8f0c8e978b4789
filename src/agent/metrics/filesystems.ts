/** Room on the guest's file systems. */
import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { type MountEntry, readMountTable } from '../boot/mount-table.ts';
import { fulfilledWithin } from '../process/within.ts';
import { type Family, itemSamples, type Sample } from './family.ts';

const TYPES: ReadonlySet<string> = new Set(['ext4', 'xfs', 'btrfs', 'vfat', 'overlay']);

/** A disk that does not answer is left out (ms). */
const DEADLINE_MS = 2_000;

/** The mounts that are told of: those that can be written to and lie on something of the guest, each device once. */
export function countedMounts(table: readonly MountEntry[]): readonly MountEntry[] {
  const byDevice = new Map<string, MountEntry>();
  for (const mount of table) {
    const isReadOnly = mount.options.split(',').includes('ro');
    if (TYPES.has(mount.fstype) && !isReadOnly && !byDevice.has(mount.source)) byDevice.set(mount.source, mount);
  }
  return [...byDevice.values()];
}

/** A mount and what the kernel says of its file system. */
export interface MountUsage {
  readonly mount: MountEntry;
  readonly usage: Pick<StatsFs, 'bsize' | 'blocks' | 'bfree' | 'bavail' | 'files' | 'ffree'>;
}

/** The families of file systems. */
export function filesystemFamilies(found: readonly MountUsage[]): readonly Family[] {
  const samples = (items: (usage: MountUsage['usage']) => Record<string, number>): readonly Sample[] =>
    found.flatMap(({ mount, usage }) => itemSamples(items(usage), { mount: mount.target, device: mount.source }));
  const labels = ['mount', 'device', 'item'];
  return [
    {
      name: 'kata_guest_filesystem_bytes',
      help: 'Room on the file systems of the guest (bytes).',
      labels,
      samples: samples(({ bsize, blocks, bfree, bavail }) => ({
        total: blocks * bsize,
        used: (blocks - bfree) * bsize,
        available: bavail * bsize,
      })),
    },
    {
      name: 'kata_guest_filesystem_inodes',
      help: 'Inodes of the file systems of the guest.',
      labels,
      samples: samples(({ files, ffree }) => ({ total: files, used: files - ffree, available: ffree })),
    },
  ];
}

/** Asks the file systems, one look at a time. */
export class FilesystemProbe {
  #looking: Promise<void> | undefined;
  #found: readonly MountUsage[] = [];

  /**
   * What is known now. A disk that hangs holds up one of the threads that Node has for files; until it answers, nobody
   * asks again, and what was found before stands.
   */
  async look(): Promise<readonly MountUsage[]> {
    this.#looking ??= this.#ask().finally(() => {
      this.#looking = undefined;
    });
    await fulfilledWithin(this.#looking, DEADLINE_MS);
    return this.#found;
  }

  async #ask(): Promise<void> {
    const found: MountUsage[] = [];
    for (const mount of countedMounts(readMountTable())) {
      // One that cannot be asked, such as one that was unmounted meanwhile, is left out.
      const usage = await statfs(mount.target).catch(() => undefined);
      if (usage !== undefined) found.push({ mount, usage });
    }
    this.#found = found;
  }
}
