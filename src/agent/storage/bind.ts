/** Storages that are another place of the guest. */
import { mountByChild } from '../process/mount-command.ts';
import type { StorageDriver } from './driver.ts';
import { runShareScript, SHARE_DEADLINE_MS } from './mount-point.ts';
import { kernelOptions } from './options.ts';

/** A directory is bound on a directory, anything else on a file. */
const MAKE_TARGET = `
if [ -d "$1" ]; then [ -d "$2" ] || mkdir -p -- "$2"
else
  parent=\${2%/*}
  [ -d "$parent" ] || mkdir -p -- "$parent"
  [ -e "$2" ] || : > "$2"
fi`;

/** Binds a file or a directory to the mount point. */
export const bind: StorageDriver = {
  name: 'bind',
  async prepare({ source, mount_point: target, options }, { reaper }) {
    await runShareScript(reaper, `bind of ${source}`, MAKE_TARGET, [source, target]);
    const given = kernelOptions(options);
    const bound = given.includes('bind') || given.includes('rbind') ? given : ['bind', ...given];
    await mountByChild(reaper, { source, target, fstype: 'none', options: bound, deadlineMs: SHARE_DEADLINE_MS });
    return { kind: 'mounted', persistent: false };
  },
};
