/** Storages that are shares of the host. */
import { mountByChild } from '../process/mount-command.ts';
import type { StorageDriver } from './driver.ts';
import { makeDirectory, mountedType, SHARE_DEADLINE_MS } from './mount-point.ts';
import { kernelOptions } from './options.ts';

/** The tag of the share that holds everything of the pod. */
const POD_SHARE = 'kataShared';

/** Mounts a virtiofs share by its tag. */
export const virtioFs: StorageDriver = {
  name: 'virtio-fs',
  async prepare({ source, fstype, mount_point: target, options }, { reaper, logger }) {
    const present = mountedType(target);
    if (present !== undefined && (source === POD_SHARE || present === fstype)) {
      logger.warn({ 'mount-point': target, fstype: present }, 'already mounted; taken as it is');
      return { kind: 'nothing' };
    }
    await makeDirectory(reaper, target);
    // The first mount of a share waits for the daemon on the host.
    const deadlineMs = SHARE_DEADLINE_MS;
    await mountByChild(reaper, { source, target, fstype, options: kernelOptions(options), deadlineMs });
    return { kind: 'mounted', persistent: false };
  },
};
