/** What mounting is for every kind of storage, and taking it back. */
import { type grpc, types } from '../../wire/generated/proto.js';
import { type ChildMount, mountByChild, umountByChild } from '../process/mount-command.ts';
import type { Reaper } from '../process/reaper.ts';
import type { StorageContext } from './driver.ts';
import { makeDirectory, mountedType, runShareScript, SHARE_DEADLINE_MS } from './mount-point.ts';
import { kernelOptions } from './options.ts';

/** A volume may have a million files. The caller gives the whole call a minute (ms). */
const FS_GROUP_DEADLINE_MS = 40_000;

const REMOVE_DIRECTORY = 'busybox rmdir "$1" 2>/dev/null || :';

/** Gives all of a mounted storage to the group that its request names, if it names one. */
async function giveToFsGroup(storage: grpc.Storage, { files, logger }: StorageContext): Promise<void> {
  const { fs_group: group, mount_point: path, options } = storage;
  if (!group) return;
  const job = {
    path,
    gid: group.group_id,
    readOnly: options.includes('ro'),
    onlyOnMismatch: group.group_change_policy === types.FSGroupChangePolicy.OnRootMismatch,
  };
  const writable = await files.run('fsGroup', job, FS_GROUP_DEADLINE_MS);
  if (!writable) logger.warn({ 'mount-point': path }, 'fs_group: the volume is read-only and keeps its groups');
}

/** Whether the storage is mounted already, and was not asked to be mounted in another way. */
export function isMounted(storage: grpc.Storage, fstype = storage.fstype): boolean {
  return mountedType(storage.mount_point) === fstype && !kernelOptions(storage.options).includes('remount');
}

/** A mount point that is not used goes. It stays where something is in it, or where it is not ours to remove. */
async function removeMountPoint(reaper: Reaper, target: string): Promise<void> {
  await runShareScript(reaper, `rmdir ${target}`, REMOVE_DIRECTORY, [target]);
}

/** Mounts. Where that fails the mount point, which was made for it, goes. @throws KataError of the mount. */
export async function mountOrRemove(reaper: Reaper, mount: ChildMount & { readonly target: string }): Promise<void> {
  try {
    await mountByChild(reaper, mount);
  } catch (error) {
    // The reason of the mount's failure is the one that counts.
    await removeMountPoint(reaper, mount.target).catch(() => {});
    throw error;
  }
}

/**
 * Makes the storage's mount point, mounts it, and gives what is there to its group.
 * @throws KataError; nothing is mounted then.
 */
export async function mountStorage(
  storage: grpc.Storage,
  mount: Omit<ChildMount, 'target'>,
  context: StorageContext,
): Promise<void> {
  const { mount_point: target } = storage;
  await makeDirectory(context.reaper, target);
  await mountOrRemove(context.reaper, { ...mount, target });
  try {
    await giveToFsGroup(storage, context);
  } catch (error) {
    await unmountStorage(context, target);
    throw error;
  }
}

/** Unmounts a storage and removes its mount point where that is an empty directory. A failure is logged. */
export async function unmountStorage(
  { reaper, logger }: Pick<StorageContext, 'reaper' | 'logger'>,
  target: string,
): Promise<void> {
  try {
    // What lies in a container's own directory was detached with it.
    if (mountedType(target) === undefined) return;
    await umountByChild(reaper, target, { lazy: false, deadlineMs: SHARE_DEADLINE_MS });
    await removeMountPoint(reaper, target);
  } catch (error) {
    logger.warn({ error, 'mount-point': target }, 'storage not unmounted');
  }
}
