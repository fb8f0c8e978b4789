/** Storages that are directories of the guest. */
import type { StorageDriver } from './driver.ts';
import { runShareScript } from './mount-point.ts';
import { numberOption } from './options.ts';

const SETGID = 0o2000;
const DEFAULT_MODE = 0o755;

/** $1 directory, $2 mode, $3 group or nothing. The directory may lie on the share. chown clears the setgid bit. */
const MAKE = `
[ -d "$1" ] || mkdir -p -- "$1"
[ -z "$3" ] || busybox chown ":$3" "$1"
busybox chmod "$2" "$1"`;

/** Makes a directory. Its content lives as long as the sandbox: it outlives the containers that use it. */
export const local: StorageDriver = {
  name: 'local',
  mounts: false,
  async prepare({ mount_point: target, options, fs_group: fsGroup }, { reaper }) {
    const gid = numberOption(options, 'fsgid', 10) ?? fsGroup?.group_id;
    const mode = numberOption(options, 'mode', 8) ?? DEFAULT_MODE;
    const fullMode = gid === undefined ? mode : mode | SETGID;
    await runShareScript(reaper, `directory ${target}`, MAKE, [target, fullMode.toString(8), String(gid ?? '')]);
    return { kind: 'nothing' };
  },
};
