import { describe, expect, it } from 'vitest';
import { meminfoItem, meminfoItems } from '../../../../src/agent/metrics/meminfo.ts';

describe('meminfoItem', () => {
  it.each([
    ['MemTotal', 'mem_total'],
    ['Buffers', 'buffers'],
    ['SwapCached', 'swap_cached'],
    ['Active(anon)', 'active_anon'],
    ['Inactive(file)', 'inactive_file'],
    ['SReclaimable', 's_reclaimable'],
    ['SUnreclaim', 's_unreclaim'],
    ['KReclaimable', 'k_reclaimable'],
    ['KernelStack', 'kernel_stack'],
    ['PageTables', 'page_tables'],
    ['NFS_Unstable', 'nfs_unstable'],
    ['WritebackTmp', 'writeback_tmp'],
    ['CommitLimit', 'commit_limit'],
    ['Committed_AS', 'committed_as'],
    ['VmallocTotal', 'vmalloc_total'],
    ['HardwareCorrupted', 'hardware_corrupted'],
    ['AnonHugePages', 'anon_hugepages'],
    ['ShmemHugePages', 'shmem_hugepages'],
    ['ShmemPmdMapped', 'shmem_pmd_mapped'],
    ['CmaFree', 'cma_free'],
    ['HugePages_Total', 'hugepages_total'],
    ['HugePages_Surp', 'hugepages_surp'],
    ['Hugepagesize', 'hugepagesize'],
    ['Hugetlb', 'hugetlb'],
    ['DirectMap4k', 'direct_map_4k'],
    ['DirectMap2M', 'direct_map_2M'],
    ['DirectMap1G', 'direct_map_1G'],
    ['Percpu', 'per_cpu'],
  ])('%s is %s', (key, item) => {
    expect(meminfoItem(key)).toBe(item);
  });
});

describe('meminfoItems', () => {
  it('is in bytes, but for numbers of pages', () => {
    expect(meminfoItems('MemTotal:        2048 kB\nHugePages_Free:       7\n')).toEqual({
      mem_total: 2_097_152,
      hugepages_free: 7,
    });
  });
});
