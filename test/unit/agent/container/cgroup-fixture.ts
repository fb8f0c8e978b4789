/** Cgroups made of text. */
import type { CgroupFiles } from '../../../../src/agent/container/cgroup-files.ts';

/** Directory -> file -> text, in the order in which they are looked at. */
export type CgroupTexts = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The files of a cgroup whose directories hold these texts. */
export function filesFrom(texts: CgroupTexts): CgroupFiles {
  const find = (file: string, beside = file): readonly [string, string] | undefined => {
    const found = Object.entries(texts).find(([, files]) => file in files && beside in files);
    return found === undefined ? undefined : [`${found[0]}/${file}`, found[1][file] ?? ''];
  };
  return {
    path: (file, beside) => find(file, beside)?.[0],
    read: (file, beside) => find(file, beside)?.[1],
    names: () => new Set(Object.values(texts).flatMap((files) => Object.keys(files))),
  };
}

const V1_MEMORY_STAT = `cache 8192
rss 4096
rss_huge 0
shmem 0
mapped_file 2048
dirty 16
writeback 0
pgfault 77
pgmajfault 3
inactive_anon 0
active_anon 4096
inactive_file 1024
active_file 512
unevictable 0
hierarchical_memory_limit 67108864
total_cache 16384
total_rss 12288
total_rss_huge 2097152
total_mapped_file 4096
total_dirty 32
total_writeback 0
total_pgfault 99
total_inactive_file 2048
total_active_file 1024
`;

/** A container of version 1 with limits, on a machine that has a bare version 2 beside. */
export const V1: CgroupTexts = {
  '/unified': { 'cgroup.events': 'populated 1\n', 'cpu.stat': 'usage_usec 1\nuser_usec 1\nsystem_usec 0\n' },
  '/cpu': {
    'cpu.shares': '1024\n',
    'cpu.cfs_quota_us': '50000\n',
    'cpu.cfs_period_us': '100000\n',
    'cpu.stat': 'nr_periods 10\nnr_throttled 4\nthrottled_time 123456789\n',
  },
  '/cpuacct': {
    'cpuacct.usage': '7000000000\n',
    'cpuacct.usage_percpu': '3000000000 4000000000 \n',
    'cpuacct.stat': 'user 600\nsystem 100\n',
  },
  '/cpuset': { 'cpuset.cpus': '0-1\n', 'cpuset.mems': '0\n' },
  '/memory': {
    'memory.usage_in_bytes': '40960\n',
    'memory.max_usage_in_bytes': '81920\n',
    'memory.failcnt': '5\n',
    'memory.limit_in_bytes': '67108864\n',
    'memory.soft_limit_in_bytes': '9223372036854771712\n',
    'memory.memsw.usage_in_bytes': '45056\n',
    'memory.memsw.max_usage_in_bytes': '90112\n',
    'memory.memsw.failcnt': '0\n',
    'memory.memsw.limit_in_bytes': '134217728\n',
    'memory.kmem.usage_in_bytes': '100\n',
    'memory.kmem.max_usage_in_bytes': '200\n',
    'memory.kmem.failcnt': '1\n',
    'memory.use_hierarchy': '1\n',
    'memory.stat': V1_MEMORY_STAT,
  },
  '/pids': { 'pids.current': '3\n', 'pids.max': 'max\n' },
  '/blkio': {
    'blkio.reset_stats': '',
    'blkio.bfq.io_service_bytes_recursive': 'Total 0\n',
    'blkio.throttle.io_service_bytes_recursive': '254:0 Read 4096\n254:0 Write 0\n254:0 Total 4096\nTotal 4096\n',
    'blkio.throttle.io_serviced': '254:0 Read 1\nTotal 1\n',
    'blkio.time_recursive': '254:0 12\n',
  },
  '/hugetlb': {
    'hugetlb.2MB.usage_in_bytes': '2097152\n',
    'hugetlb.2MB.max_usage_in_bytes': '4194304\n',
    'hugetlb.2MB.failcnt': '2\n',
    'hugetlb.2MB.limit_in_bytes': '9223372036852678656\n',
  },
};

/** A container of version 2 with limits. */
export const V2: CgroupTexts = {
  '/c': {
    'cgroup.events': 'populated 1\nfrozen 0\n',
    'cpu.weight': '39\n',
    'cpu.max': '50000 100000\n',
    'cpu.stat':
      'usage_usec 7000000\nuser_usec 6000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 123456\n',
    'cpuset.cpus': '\n',
    'cpuset.mems': '\n',
    'memory.current': '40960\n',
    'memory.peak': '81920\n',
    'memory.max': '67108864\n',
    'memory.low': '0\n',
    'memory.swap.current': '4096\n',
    'memory.swap.peak': '8192\n',
    'memory.swap.max': 'max\n',
    'memory.swap.events': 'high 0\nmax 1\nfail 6\n',
    'memory.stat':
      'anon 12288\nfile 16384\nfile_mapped 4096\nanon_thp 2097152\ninactive_file 2048\npgfault 99\npgmajfault 3\n',
    'pids.current': '3\n',
    'pids.max': '100\n',
    'io.stat': '254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=8 dios=2 cost.usage=1\n254:16 \n',
    'hugetlb.2MB.current': '2097152\n',
    'hugetlb.2MB.max': 'max\n',
    'hugetlb.2MB.rsvd.max': 'max\n',
    'hugetlb.2MB.rsvd.current': '0\n',
    'hugetlb.2MB.events': 'max 2\n',
  },
};
