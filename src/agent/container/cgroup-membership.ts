/** In which cgroups a process is; cgroups(7). */
import { readFileSync } from 'node:fs';
import { KataError } from '../../wire/error.ts';
import { type MountEntry, readMountTable } from '../boot/mount-table.ts';
import { cgroupMounts } from './cgroup.ts';

/** Controllers and path, as in `4:cpu,cpuacct:/pod/c1`; no controllers for version 2. */
const LINE = /^\d+:([^:]*):(.*)$/;
/** What the kernel puts behind the path of a cgroup that was removed while a dead process was still in it. */
const DELETED = ' (deleted)';

/** Mount point of the hierarchy with these controllers; undefined where that is not mounted. */
function mountPoint(table: readonly MountEntry[], controllers: string): string | undefined {
  const { version, roots } = cgroupMounts(table);
  // What else is in the table lies below this one, out of sight.
  if (version === 2) return controllers === '' ? roots[0] : undefined;
  if (controllers === '') return table.findLast(({ fstype }) => fstype === 'cgroup2')?.target;
  const wanted = controllers.split(',');
  // A hierarchy with a name and no controller has the same word in both files: `name=systemd`.
  const has = ({ options }: MountEntry): boolean => wanted.every((name) => options.split(',').includes(name));
  return table.findLast((entry) => entry.fstype === 'cgroup' && has(entry))?.target;
}

/**
 * The files that a pid is written into so that the process joins another one.
 * @param membership text of the other one's /proc/<pid>/cgroup.
 * @param table the mounts; a hierarchy that is not mounted is left out.
 */
export function joinFilesFor(membership: string, table: readonly MountEntry[]): readonly string[] {
  const files: string[] = [];
  for (const line of membership.split('\n')) {
    const [, controllers, path = ''] = LINE.exec(line) ?? [];
    if (controllers === undefined || path.endsWith(DELETED)) continue;
    const root = mountPoint(table, controllers);
    if (root !== undefined) files.push(`${root}${path === '/' ? '' : path}/cgroup.procs`);
  }
  return files;
}

/** Read once, for each exec would wait for it: the hierarchy is mounted before the first container, and stays. */
let mounts: readonly MountEntry[] | undefined;

/**
 * The files `cgroup.procs` of the cgroups in which a container's first process is now: one for version 2, one a hierarchy
 * for version 1. That may be another cgroup than the one that it was born in: an init system moves itself to one below,
 * and in version 2 the container's own can then hold no process any more.
 * @throws KataError ERR_SYSCALL where the process has gone.
 */
export function joinFiles(initPid: number): readonly string[] {
  try {
    mounts ??= readMountTable();
    return joinFilesFor(readFileSync(`/proc/${initPid}/cgroup`, 'utf8'), mounts);
  } catch (error) {
    throw KataError.from(error);
  }
}
