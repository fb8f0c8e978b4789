/**
 * Memory. Version 1: kernel, Documentation/admin-guide/cgroup-v1/memory.rst; version 2: "Memory Interface Files" of
 * Documentation/admin-guide/cgroup-v2.rst.
 */
import Long from 'long';
import type { grpc } from '../../wire/generated/proto.js';
import type { CgroupFiles } from '../container/cgroup-files.ts';
import { keyed, NO_LIMIT, u64 } from './number.ts';

/** A client takes these keys of the map for the fields of the message, and overrides what is there. */
const RESERVED: ReadonlySet<string> = new Set(['usage', 'usage_limit', 'swap_usage', 'swap_limit']);

/**
 * The client picks keys by the version of its own machine, not of the guest's. What the other version has under another
 * name is given under both.
 */
const NAMES_OF_V1: Readonly<Record<string, string>> = {
  cache: 'file',
  rss: 'anon',
  rss_huge: 'anon_thp',
  mapped_file: 'file_mapped',
  dirty: 'file_dirty',
  writeback: 'file_writeback',
  total_inactive_file: 'inactive_file',
  total_active_file: 'active_file',
};
const NAMES_OF_V2: Readonly<Record<string, string>> = {
  file: 'total_cache',
  anon: 'total_rss',
  anon_thp: 'total_rss_huge',
  file_mapped: 'total_mapped_file',
  file_dirty: 'total_dirty',
  file_writeback: 'total_writeback',
};

type Counters = Record<string, Long>;

/** Every line of memory.stat, and the other version's names for what is not there under them. */
function counters(text: string | undefined, otherNames: Readonly<Record<string, string>>): Counters {
  const lines = [...keyed(text)].filter(([key]) => !RESERVED.has(key));
  const found: Counters = Object.fromEntries(lines.map(([key, value]) => [key, u64(value)]));
  for (const [name, of] of Object.entries(otherNames)) {
    const value = found[of];
    if (value !== undefined) found[name] ??= value;
  }
  return found;
}

/** The four files of version 1 that have a common beginning; undefined where the kernel has them not. */
function dataV1(files: CgroupFiles, prefix: string): grpc.MemoryData.$Properties | undefined {
  const usage = files.read(`${prefix}.usage_in_bytes`);
  if (usage === undefined) return undefined;
  return {
    usage: u64(usage),
    max_usage: u64(files.read(`${prefix}.max_usage_in_bytes`)),
    failcnt: u64(files.read(`${prefix}.failcnt`)),
    limit: u64(files.read(`${prefix}.limit_in_bytes`)),
  };
}

/** Of memory of the kernel's own: none counted, no limit. */
const NO_KERNEL_MEMORY: grpc.MemoryData.$Properties = {
  usage: Long.UZERO,
  max_usage: Long.UZERO,
  failcnt: Long.UZERO,
  limit: Long.MAX_UNSIGNED_VALUE,
};

function statsV1(files: CgroupFiles, usage: grpc.MemoryData.$Properties): grpc.MemoryStats.$Properties {
  const swap_usage = dataV1(files, 'memory.memsw');
  const kernel = dataV1(files, 'memory.kmem') ?? NO_KERNEL_MEMORY;
  const limitText = files.read('memory.kmem.limit_in_bytes');
  const stats = counters(files.read('memory.stat'), NAMES_OF_V2);
  return {
    cache: stats['cache'] ?? Long.UZERO,
    usage,
    ...(swap_usage && { swap_usage }),
    kernel_usage: limitText === undefined ? { ...kernel, limit: Long.MAX_UNSIGNED_VALUE } : kernel,
    use_hierarchy: files.read('memory.use_hierarchy')?.trim() === '1',
    stats,
  };
}

function statsV2(files: CgroupFiles, current: string): grpc.MemoryStats.$Properties {
  const limit = files.read('memory.max')?.trim();
  return {
    // There is no such number; `file` of the map is it.
    cache: Long.UZERO,
    usage: {
      usage: u64(current),
      max_usage: u64(files.read('memory.peak')),
      failcnt: Long.UZERO,
      limit: limit === 'max' ? NO_LIMIT : u64(limit),
    },
    swap_usage: {
      usage: u64(files.read('memory.swap.current')),
      max_usage: u64(files.read('memory.swap.peak')),
      failcnt: u64(keyed(files.read('memory.swap.events')).get('fail')),
      // No limit is 0 here.
      limit: u64(files.read('memory.swap.max')),
    },
    kernel_usage: NO_KERNEL_MEMORY,
    // Then the client reads the plain keys, which cover all that is below the cgroup in this version.
    use_hierarchy: false,
    stats: counters(files.read('memory.stat'), NAMES_OF_V1),
  };
}

/** Memory of a cgroup and of all below it (bytes); undefined where the kernel does not count it. */
export function memoryStats(files: CgroupFiles): grpc.MemoryStats.$Properties | undefined {
  const first = dataV1(files, 'memory');
  if (first !== undefined) return statsV1(files, first);
  const current = files.read('memory.current');
  return current === undefined ? undefined : statsV2(files, current);
}
