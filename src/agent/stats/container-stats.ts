/** What a container uses. */
import type { grpc } from '../../wire/generated/proto.js';
import { type CgroupFiles, cgroupFiles } from '../container/cgroup-files.ts';
import { blkioStats } from './blkio.ts';
import { cpuStats } from './cpu.ts';
import { hugetlbStats } from './hugetlb.ts';
import { memoryStats } from './memory.ts';
import { u64 } from './number.ts';

function pidsStats(files: CgroupFiles): grpc.PidsStats.$Properties | undefined {
  const current = files.read('pids.current');
  // No limit is 0 here.
  return current === undefined ? undefined : { current: u64(current), limit: u64(files.read('pids.max')) };
}

/**
 * The counts of a cgroup and of all below it. What the kernel does not count is left out, and so is what goes while it is
 * read.
 * @throws KataError ERR_SYSCALL.
 */
export function cgroupStats(files: CgroupFiles): grpc.CgroupStats.$Properties {
  const parts = {
    cpu_stats: cpuStats(files),
    memory_stats: memoryStats(files),
    pids_stats: pidsStats(files),
    blkio_stats: blkioStats(files),
  };
  const present = Object.entries(parts).filter(([, part]) => part !== undefined);
  return { ...Object.fromEntries(present), hugetlb_stats: hugetlbStats(files) };
}

/** {@link cgroupStats} of the cgroup that lies in `directories`. */
export function statsOf(directories: readonly string[]): grpc.CgroupStats.$Properties {
  return cgroupStats(cgroupFiles(directories));
}
