/** Storages that are another place of the guest. */
import { KataError } from '../../wire/error.ts';
import type { StorageDriver } from './driver.ts';
import { runShareScript, SHARE_DEADLINE_MS } from './mount-point.ts';
import { mountOrRemove } from './mount-storage.ts';
import { kernelOptions } from './options.ts';

/** A directory is bound on a directory, anything else on a file. */
const MAKE_TARGET = `
[ -e "$1" ] || { echo "$1: No such file or directory" >&2; exit 1; }
if [ -d "$1" ]; then [ -d "$2" ] || mkdir -p -- "$2"
else
  parent=\${2%/*}
  [ -d "$parent" ] || mkdir -p -- "$parent"
  [ -e "$2" ] || : > "$2"
fi`;

/** Binds a file or a directory to the mount point. */
export const bind: StorageDriver = {
  name: 'bind',
  mounts: true,
  async prepare({ source, mount_point: target, options, fs_group: fsGroup }, { reaper }) {
    // The files are those of another place, which may be any: of the root, or of another pod's volume.
    if (fsGroup) throw new KataError('ERR_UNIMPLEMENTED', 'storages.fs_group is not supported with the driver bind');
    await runShareScript(reaper, `bind of ${source}`, MAKE_TARGET, [source, target]);
    const given = kernelOptions(options);
    const bound = given.includes('bind') || given.includes('rbind') ? given : ['bind', ...given];
    await mountOrRemove(reaper, { source, target, fstype: 'none', options: bound, deadlineMs: SHARE_DEADLINE_MS });
    return { kind: 'mounted', persistent: false };
  },
};
