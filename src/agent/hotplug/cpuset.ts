/**
 * Containers and processors that came later. In version 1 a cgroup keeps to the processors that were there when it was
 * made; kernel, Documentation/admin-guide/cgroup-v1/cpusets.rst. In version 2 the kernel sees to it: what a cgroup is
 * not told, it takes from the one above.
 */

import { existsSync, writeFileSync } from 'node:fs';
import type { CgroupMounts } from '../container/cgroup.ts';
import { unlessGone } from '../container/cgroup-tree.ts';

/** What counts of a container here. */
export interface CpusetUser {
  readonly cgroupsPath: string;
  /** Processors that it was told to keep to; empty where it may use all. */
  readonly cpus: string;
}

const FILE = 'cpuset.cpus';

/**
 * Gives a container the processors that are in use now, or those of them that it was told to keep to. Does nothing in
 * version 2, without this controller, or where the container is gone.
 * @param online the processors in use.
 * @throws KataError ERR_SYSCALL.
 */
export function widenCpuset({ version, roots }: CgroupMounts, { cgroupsPath, cpus }: CpusetUser, online: string): void {
  const root = version === 1 ? roots.find((each) => existsSync(`${each}/${FILE}`)) : undefined;
  if (root === undefined) return;
  const names = cgroupsPath.split('/').slice(1);
  // From above: no cgroup may have a processor that the one above it has not.
  for (let depth = 1; depth <= names.length; depth += 1) {
    const isOwn = depth === names.length;
    const file = `${root}/${names.slice(0, depth).join('/')}/${FILE}`;
    unlessGone(() => writeFileSync(file, isOwn && cpus !== '' ? cpus : online, { flag: 'r+' }), undefined);
  }
}
