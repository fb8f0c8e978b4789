/** Storages that are disks of the guest. */
import { exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import type { BlockDevice, BlockDevices } from '../device/block-devices.ts';
import { runCommand } from '../process/command.ts';
import type { StorageContext, StorageDriver } from './driver.ts';
import { isMounted, mountStorage } from './mount-storage.ts';
import { kernelOptions, optionValue } from './options.ts';

/** A file system that was not unmounted is repaired by the mount (ms). */
const MOUNT_DEADLINE_MS = 20_000;
/** Making a file system writes a few blocks for each group of them (ms). */
const MKFS_DEADLINE_MS = 30_000;

/**
 * No journal, no reserve, few and small inodes: such a file system lives no longer than the sandbox.
 */
const MKFS = ['/sbin/mkfs.ext4', '-F', '-O', '^has_journal', '-m', '0', '-i', '163840', '-I', '128'] as const;

async function makeFileSystem({ reaper }: StorageContext, device: string, fstype: string): Promise<void> {
  if (fstype !== 'ext4') {
    throw new KataError('ERR_INTERNAL', `storages.fstype: create_filesystem makes ext4, and not "${fstype}"`);
  }
  const { status, stderr } = await runCommand(reaper, [...MKFS, device], { deadlineMs: MKFS_DEADLINE_MS });
  const code = exitCode(status);
  if (code === 0) return;
  throw new KataError('ERR_COMMAND', `mkfs.ext4 ${device}: exit status ${code}, ${stderr.toString('utf8').trim()}`);
}

function checkDriverOptions(options: readonly string[]): { readonly createFileSystem: boolean } {
  const key = optionValue(options, 'encryption_key');
  if (key !== undefined) {
    throw new KataError('ERR_UNIMPLEMENTED', 'storages.driver_options: encryption_key needs the confidential data hub');
  }
  return { createFileSystem: options.includes('create_filesystem') };
}

function diskDriver(name: string, find: (disks: BlockDevices, source: string) => Promise<BlockDevice>): StorageDriver {
  return {
    name,
    mounts: true,
    async prepare(storage, context) {
      const { createFileSystem } = checkDriverOptions(storage.driver_options);
      // Before the wait for the device: what is wrong with the options shows at once.
      const options = kernelOptions(storage.options);
      if (isMounted(storage)) return { kind: 'nothing' };
      const { path: source } = await find(context.disks, storage.source);
      const { fstype } = storage;
      if (createFileSystem) await makeFileSystem(context, source, fstype);
      await mountStorage(storage, { source, fstype, options, deadlineMs: MOUNT_DEADLINE_MS }, context);
      return { kind: 'mounted', persistent: false };
    },
  };
}

/** Virtio disks, by PCI path or node. */
export const blk = diskDriver('blk', (disks, source) =>
  source.startsWith('/') ? disks.byNode(source) : disks.byPciPath(source),
);

/** SCSI disks, by target and unit. */
export const scsi = diskDriver('scsi', (disks, source) => disks.byScsiAddress(source));

/** Virtio disks of machines without PCI, by node. */
export const mmioblk = diskDriver('mmioblk', (disks, source) => disks.byNode(source));

/** Persistent memory, by node. */
export const nvdimm = diskDriver('nvdimm', (disks, source) => disks.pmem(source));
