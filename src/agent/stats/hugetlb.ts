/** Huge pages; kernel, Documentation/admin-guide/cgroup-v1/hugetlb.rst and cgroup-v2.rst. */
import type { grpc } from '../../wire/generated/proto.js';
import type { CgroupFiles } from '../container/cgroup-files.ts';
import { keyed, u64 } from './number.ts';

/** One of the files that each size has, in either version. */
const USAGE_FILE = /^hugetlb\.(\d+[KMG]B)\.(?:usage_in_bytes|current)$/;

/** Huge pages in use, by their size as the kernel spells it, such as `2MB`. */
export function hugetlbStats(files: CgroupFiles): Record<string, grpc.HugetlbStats.$Properties> {
  const stats: Record<string, grpc.HugetlbStats.$Properties> = {};
  for (const name of files.names()) {
    const size = USAGE_FILE.exec(name)?.[1];
    if (size === undefined) continue;
    const prefix = `hugetlb.${size}`;
    const first = files.path(`${prefix}.usage_in_bytes`) !== undefined;
    stats[size] = {
      usage: u64(files.read(name)),
      // Version 2 keeps no record of the most that there was.
      max_usage: first ? u64(files.read(`${prefix}.max_usage_in_bytes`)) : u64(files.read(`${prefix}.max`)),
      failcnt: first ? u64(files.read(`${prefix}.failcnt`)) : u64(keyed(files.read(`${prefix}.events`)).get('max')),
    };
  }
  return stats;
}
