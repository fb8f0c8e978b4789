import Long from 'long';
import { describe, expect, it } from 'vitest';
import { cgroupStats, statsOf } from '../../../../src/agent/stats/container-stats.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';
import { type CgroupTexts, filesFrom, V1, V2 } from '../container/cgroup-fixture.ts';

/** What tests look at one by one. */
interface Plain {
  readonly pids_stats?: object;
  readonly blkio_stats?: object;
  readonly hugetlb_stats?: object;
  readonly memory_stats?: { readonly use_hierarchy?: boolean; readonly stats?: object };
}

/** Numbers as text; without what a message on the wire leaves out. */
function plain(value: unknown): unknown {
  if (Long.isLong(value)) return value.isZero() ? undefined : value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value === false || value === '' ? undefined : value;
  const entries = Object.entries(value).map(([key, each]) => [key, plain(each)] as const);
  return Object.fromEntries(entries.filter(([, each]) => each !== undefined && !isEmpty(each)));
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** As a client gets it: encoded and decoded. */
function seen(texts: CgroupTexts): Plain {
  const bytes = grpc.CgroupStats.encode(cgroupStats(filesFrom(texts))).finish();
  // Reason for the cast: the parts that the tests look at.
  return plain(grpc.CgroupStats.decode(bytes)) as Plain;
}

describe('cgroupStats', () => {
  it('reads version 1', () => {
    expect(seen(V1)).toMatchObject({
      cpu_stats: {
        cpu_usage: {
          total_usage: '7000000000',
          percpu_usage: ['3000000000', '4000000000'],
          usage_in_kernelmode: '1000000000',
          usage_in_usermode: '6000000000',
        },
        throttling_data: { periods: '10', throttled_periods: '4', throttled_time: '123456789' },
      },
      memory_stats: {
        cache: '8192',
        usage: { usage: '40960', max_usage: '81920', failcnt: '5', limit: '67108864' },
        swap_usage: { usage: '45056', max_usage: '90112', limit: '134217728' },
        kernel_usage: { usage: '100', max_usage: '200', failcnt: '1', limit: '18446744073709551615' },
        use_hierarchy: true,
        stats: { cache: '8192', total_cache: '16384', pgfault: '77', total_inactive_file: '2048' },
      },
      pids_stats: { current: '3' },
      hugetlb_stats: { '2MB': { usage: '2097152', max_usage: '4194304', failcnt: '2' } },
    });
  });

  it('reads version 2', () => {
    expect(seen(V2)).toMatchObject({
      cpu_stats: {
        cpu_usage: { total_usage: '7000000000', usage_in_kernelmode: '1000000000', usage_in_usermode: '6000000000' },
        throttling_data: { periods: '10', throttled_periods: '4', throttled_time: '123456000' },
      },
      memory_stats: {
        usage: { usage: '40960', max_usage: '81920', limit: '67108864' },
        swap_usage: { usage: '4096', max_usage: '8192', failcnt: '6' },
        kernel_usage: { limit: '18446744073709551615' },
        stats: { anon: '12288', file: '16384', inactive_file: '2048', pgmajfault: '3' },
      },
      pids_stats: { current: '3', limit: '100' },
      hugetlb_stats: { '2MB': { usage: '2097152', failcnt: '2' } },
    });
    expect(seen(V2).memory_stats?.use_hierarchy).toBeUndefined();
    expect(Object.keys(seen(V2).hugetlb_stats ?? {})).toEqual(['2MB']);
  });

  it('takes no limit for the largest number', () => {
    const c = { ...V2['/c'], 'memory.max': 'max\n', 'pids.max': 'max\n' };
    expect(seen({ '/c': c })).toMatchObject({ memory_stats: { usage: { limit: '9223372036854775807' } } });
    expect(seen({ '/c': c }).pids_stats).toEqual({ current: '3' });
  });

  it.each([
    ['1', V1, { anon: '12288', file: '16384', file_mapped: '4096', file_dirty: '32', anon_thp: '2097152' }],
    ['2', V2, { rss: '12288', cache: '16384', mapped_file: '4096', total_inactive_file: '2048', rss_huge: '2097152' }],
  ])('gives a client the keys of the other version too: %s', (_version, texts, expected) => {
    expect(seen(texts).memory_stats?.stats).toMatchObject(expected);
  });

  it('keeps the keys of the guest as they are, and leaves out those that a client takes for something else', () => {
    const stat = `${V1['/memory']?.['memory.stat']}usage 1\nswap_limit 2\nanon 5\n`;
    const { stats } = seen({ ...V1, '/memory': { ...V1['/memory'], 'memory.stat': stat } }).memory_stats ?? {};
    expect(stats).toMatchObject({ inactive_file: '1024', anon: '5' });
    expect(stats).not.toHaveProperty('usage');
    expect(stats).not.toHaveProperty('swap_limit');
  });

  it('lists what was read and written', () => {
    const device = { major: '254' };
    expect(seen(V1).blkio_stats).toEqual({
      io_service_bytes_recursive: [
        { ...device, op: 'read', value: '4096' },
        { ...device, op: 'write' },
        { ...device, op: 'total', value: '4096' },
      ],
      io_serviced_recursive: [{ ...device, op: 'read', value: '1' }],
      io_time_recursive: [{ ...device, value: '12' }],
    });
    expect(seen(V2).blkio_stats).toEqual({
      io_service_bytes_recursive: [
        { ...device, op: 'read', value: '4096' },
        { ...device, op: 'write' },
        { ...device, op: 'rios', value: '1' },
        { ...device, op: 'wios' },
        { ...device, op: 'dbytes', value: '8' },
        { ...device, op: 'dios', value: '2' },
      ],
    });
  });

  it('leaves out what is not counted', () => {
    expect(seen({ '/pids': { 'pids.current': '3\n' } })).toEqual({ pids_stats: { current: '3' } });
    expect(seen({ '/cpu': { 'cpu.shares': '2\n', 'cpu.stat': 'nr_periods 1\n' } })).toEqual({
      cpu_stats: { throttling_data: { periods: '1' } },
    });
    expect(seen({})).toEqual({});
  });

  it('says nothing of a cgroup that is gone', () => {
    expect(statsOf(['/sys/fs/cgroup/none', '/sys/fs/cgroup/unified/none'])).toEqual({ hugetlb_stats: {} });
  });
});
