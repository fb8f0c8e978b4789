/** Storages in the memory of the guest. */
import { chmodSync, chownSync, statSync } from 'node:fs';
import { mount } from '../../linux/mount.ts';
import { KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import type { Reaper } from '../process/reaper.ts';
import type { StorageDriver } from './driver.ts';
import { hugePagesOf, reserveHugePages } from './huge-pages.ts';
import { makeDirectory, mountedAt, mountedType } from './mount-point.ts';
import { flagWords, mountArguments, numberOption } from './options.ts';

const SETGID = 0o2000;
const KEEP_OWNER = -1;
const OWN_OPTION = 'fsgid=';
const FSTYPES: ReadonlySet<string> = new Set(['tmpfs', 'hugetlbfs']);

/** Gives a directory to a group, and whatever is made in it too. */
function giveToGroup(path: string, gid: number): void {
  chownSync(path, KEEP_OWNER, gid);
  chmodSync(path, (statSync(path).mode & 0o7777) | SETGID);
}

function isForKernel(option: string): boolean {
  return !option.startsWith(OWN_OPTION);
}

/** Mounts memory, as a tmpfs or as huge pages. Its content lives as long as the sandbox: it outlives the containers that use it. */
export const ephemeral: StorageDriver = {
  name: 'ephemeral',
  mounts: true,
  async prepare(storage, { reaper }) {
    const { fstype, mount_point: target, options, fs_group: fsGroup } = storage;
    if (!FSTYPES.has(fstype)) {
      throw new KataError('ERR_INTERNAL', `storages.fstype: "${fstype}" of ${target} is no kind of memory`);
    }
    const gid = numberOption(options, 'fsgid', 10) ?? fsGroup?.group_id;
    const { flags, data } = mountArguments(options.filter(isForKernel));
    if (mountedType(target) === fstype) return { kind: 'nothing' };
    if (fstype === 'hugetlbfs') await reserveHugePages(reaper, hugePagesOf(options));
    await makeDirectory(reaper, target);
    mount({ source: storage.source, target, fstype, flags, data });
    if (gid !== undefined) giveToGroup(target, gid);
    return { kind: 'mounted', persistent: true };
  },
};

/**
 * Mounts a tmpfs that is mounted once more, with other options. What the options do not say of the mount stays as it was:
 * the kernel would clear it.
 * @throws KataError (INTERNAL on the wire) for another driver; ERR_SYSCALL where nothing is mounted there.
 */
export async function updateEphemeral(storage: grpc.Storage, reaper: Reaper): Promise<void> {
  const { driver, source, fstype, mount_point: target, options } = storage;
  if (driver !== ephemeral.name) {
    throw new KataError('ERR_INTERNAL', `storages.driver: "${driver}" of ${target} is not ephemeral`);
  }
  if (!target.startsWith('/')) throw new KataError('ERR_INTERNAL', `storages.mount_point: "${target}" is not absolute`);
  if (options.length === 0) return;
  const given = options.filter(isForKernel);
  const present = mountedAt(target);
  if (present?.fstype === fstype && !given.includes('remount')) return;
  await makeDirectory(reaper, target);
  const { flags, data } = mountArguments([...flagWords(present?.options ?? ''), ...given]);
  mount({ source, target, fstype, flags, data });
}
