/** Mounting the cgroup hierarchy as PID 1. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME, MS_REMOUNT, mount } from '../../linux/mount.ts';
import { hasErrno, KataError } from '../../wire/error.ts';
import type { AgentConfig } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { fstypeAt, readMountTable } from './mount-table.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';
const CGROUP_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME;
const TMPFS_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC;

/** The controllers of cgroup v1 that get a mount of their own, where the kernel has them enabled. */
const V1_CONTROLLERS = [
  'cpu',
  'cpuacct',
  'blkio',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'net_cls',
  'perf_event',
  'net_prio',
  'hugetlb',
  'pids',
  'rdma',
] as const;

/**
 * The v1 controllers to mount: those of our list whose fourth column in /proc/cgroups is 1. None where `devices` is not
 * among them: without it no container can be confined.
 */
export function enabledV1Controllers(procCgroups: string): readonly string[] {
  const enabled = new Set<string>();
  for (const line of procCgroups.split('\n')) {
    const [name = '', , , flag] = line.split(/\s+/);
    if (flag === '1') enabled.add(name);
  }
  return enabled.has('devices') ? V1_CONTROLLERS.filter((name) => enabled.has(name)) : [];
}

/**
 * Mounts the unified hierarchy. nsdelegate: a container's cgroup namespace is a boundary of delegation. favordynmods
 * (since 6.0) makes moving a process to its cgroup cheaper by an RCU wait; older kernels refuse the option by EINVAL.
 */
function mountV2(): void {
  const base = { fstype: 'cgroup2', source: 'cgroup2', target: CGROUP_ROOT, flags: CGROUP_FLAGS };
  try {
    mount({ ...base, data: 'nsdelegate,favordynmods' });
  } catch (error) {
    if (!hasErrno(error, 'EINVAL')) throw error;
    mount({ ...base, data: 'nsdelegate' });
  }
}

/**
 * Enables every controller for the children of the root. The root is exempt from the rule that a cgroup with processes
 * cannot do so; kernel, Documentation/admin-guide/cgroup-v2.rst, "No Internal Process Constraint".
 */
function enableControllers(logger: Logger): void {
  for (const controller of readFileSync(`${CGROUP_ROOT}/cgroup.controllers`, 'utf8').split(/\s+/)) {
    if (controller === '') continue;
    try {
      // One at a time: the kernel takes all of a write or nothing.
      writeFileSync(`${CGROUP_ROOT}/cgroup.subtree_control`, `+${controller}`);
    } catch (error) {
      logger.warn({ error, controller }, 'cgroup controller not available to containers');
    }
  }
}

function mountV1(): void {
  mount({ fstype: 'tmpfs', source: 'tmpfs', target: CGROUP_ROOT, flags: TMPFS_FLAGS, data: 'mode=755' });
  for (const name of enabledV1Controllers(readFileSync('/proc/cgroups', 'utf8'))) {
    const target = `${CGROUP_ROOT}/${name}`;
    mkdirSync(target, { recursive: true });
    mount({ fstype: 'cgroup', source: 'cgroup', target, flags: CGROUP_FLAGS, data: name });
  }
  mount({
    fstype: 'tmpfs',
    source: 'tmpfs',
    target: CGROUP_ROOT,
    flags: MS_REMOUNT | MS_RDONLY | TMPFS_FLAGS,
    data: 'mode=755',
  });
  const useHierarchy = `${CGROUP_ROOT}/memory/memory.use_hierarchy`;
  if (!existsSync(useHierarchy)) {
    throw new KataError(
      'ERR_FAILED_PRECONDITION',
      'cgroup v1 is asked for, but the kernel has no v1 memory controller: boot with systemd.unified_cgroup_hierarchy=1',
    );
  }
  writeFileSync(useHierarchy, '1');
}

/**
 * Mounts the hierarchy of the wanted version; one that is there already is kept.
 * @throws KataError ERR_SYSCALL; ERR_FAILED_PRECONDITION for v1 on a kernel without it.
 */
export function mountCgroups(version: AgentConfig['cgroupVersion'], logger: Logger): void {
  const present = fstypeAt(readMountTable(), CGROUP_ROOT);
  if (version === 1) {
    if (present !== 'tmpfs') mountV1();
    return;
  }
  if (present !== 'cgroup2') mountV2();
  enableControllers(logger);
}
