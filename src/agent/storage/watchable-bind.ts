/** Storages that are small copies of the share, in which programs are told of changes. */
import { KataError } from '../../wire/error.ts';
import { mountByChild } from '../process/mount-command.ts';
import { SHARED } from '../sandbox/paths.ts';
import type { StorageContext, StorageDriver } from './driver.ts';
import { makeDirectory, mountedType, SHARE_DEADLINE_MS } from './mount-point.ts';

/** Where copies may be: of a host without root, the guest's paths begin with the user's own run directory. */
const MOUNT_POINT = new RegExp(`^((?:/run/user/[0-9]+)?${SHARED}/(?:passthrough/)?watchable)/[^/]+$`);

async function mountMemory({ reaper }: StorageContext, root: string): Promise<void> {
  if (mountedType(root) === 'tmpfs') return;
  await makeDirectory(reaper, root);
  const options = ['nosuid', 'nodev', 'mode=0755'];
  await mountByChild(reaper, {
    source: 'tmpfs',
    target: root,
    fstype: 'tmpfs',
    options,
    deadlineMs: SHARE_DEADLINE_MS,
  });
}

/** Copies a file or a small directory into the guest's memory, and keeps the copy up to date. */
export const watchableBind: StorageDriver = {
  name: 'watchable-bind',
  mounts: false,
  async prepare({ source, mount_point: target }, context) {
    const [, root] = MOUNT_POINT.exec(target) ?? [];
    if (root === undefined || /\/\.\.?$/.test(target)) {
      throw new KataError('ERR_INTERNAL', `storages.mount_point: "${target}" is not in ${SHARED}/watchable`);
    }
    if (!source.startsWith('/')) {
      throw new KataError('ERR_INTERNAL', `storages.source of ${target}: "${source}" is not absolute`);
    }
    await mountMemory(context, root);
    await context.mirrors.add(source, target);
    return { kind: 'mirrored' };
  },
};
