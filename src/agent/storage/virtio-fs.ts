/** Storages that are shares of the host. */
import type { StorageDriver } from './driver.ts';
import { mountedType, SHARE_DEADLINE_MS } from './mount-point.ts';
import { mountStorage } from './mount-storage.ts';
import { kernelOptions } from './options.ts';

/** The tag of the share that holds everything of the pod. */
const POD_SHARE = 'kataShared';

/** Mounts a virtiofs share by its tag. */
export const virtioFs: StorageDriver = {
  name: 'virtio-fs',
  mounts: true,
  async prepare(storage, context) {
    const { source, fstype, mount_point: target, options } = storage;
    const present = mountedType(target);
    if (present !== undefined && (source === POD_SHARE || present === fstype)) {
      context.logger.warn({ 'mount-point': target, fstype: present }, 'already mounted; taken as it is');
      return { kind: 'nothing' };
    }
    // The first mount of a share waits for the daemon on the host.
    const mount = { source, fstype, options: kernelOptions(options), deadlineMs: SHARE_DEADLINE_MS };
    await mountStorage(storage, mount, context);
    return { kind: 'mounted', persistent: false };
  },
};
