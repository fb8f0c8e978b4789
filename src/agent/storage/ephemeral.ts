/** Storages in the memory of the guest. */
import { chmodSync, chownSync, statSync } from 'node:fs';
import { mount } from '../../linux/mount.ts';
import { KataError } from '../../wire/error.ts';
import type { StorageDriver } from './driver.ts';
import { makeDirectory, mountedType } from './mount-point.ts';
import { mountArguments, numberOption } from './options.ts';

const SETGID = 0o2000;
const KEEP_OWNER = -1;
const OWN_OPTION = 'fsgid=';

/** Gives a directory to a group, and whatever is made in it too. */
function giveToGroup(path: string, gid: number): void {
  chownSync(path, KEEP_OWNER, gid);
  chmodSync(path, (statSync(path).mode & 0o7777) | SETGID);
}

/** Mounts a tmpfs. Its content lives as long as the sandbox: it outlives the containers that use it. */
export const ephemeral: StorageDriver = {
  name: 'ephemeral',
  async prepare(storage, { reaper }) {
    const { fstype, mount_point: target, options, fs_group: fsGroup } = storage;
    if (fstype !== 'tmpfs') {
      throw new KataError('ERR_UNIMPLEMENTED', `storage driver ephemeral: fstype "${fstype}" is not supported`);
    }
    const gid = numberOption(options, 'fsgid', 10) ?? fsGroup?.group_id;
    const { flags, data } = mountArguments(options.filter((option) => !option.startsWith(OWN_OPTION)));
    if (mountedType(target) === fstype) return { kind: 'nothing' };
    await makeDirectory(reaper, target);
    mount({ source: storage.source, target, fstype, flags, data });
    if (gid !== undefined) giveToGroup(target, gid);
    return { kind: 'mounted', persistent: true };
  },
};
