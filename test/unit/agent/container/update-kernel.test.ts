/** Changes of limits in a real kernel, in whichever versions this machine has. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import Long from 'long';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMountTable } from '../../../../src/agent/boot/mount-table.ts';
import { updateCgroup } from '../../../../src/agent/container/update.ts';
import { statsOf } from '../../../../src/agent/stats/container-stats.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';

const MIB = 1024 * 1024;
const PATH = `/unit-update-${process.pid}`;

const mounts = readMountTable().filter(({ fstype }) => fstype === 'cgroup' || fstype === 'cgroup2');
const roots = [...new Set(mounts.map(({ target }) => target))].filter((root) => existsSync(`${root}/cgroup.procs`));

describe('a cgroup of this machine', () => {
  const directories = roots.map((root) => `${root}${PATH}`);
  const warnings: string[] = [];
  beforeEach(() => {
    for (const directory of directories) mkdirSync(directory);
    for (const directory of directories) {
      // In version 1 a new set of processors is empty, and a process can only be in one that is not.
      for (const file of ['cpuset.cpus', 'cpuset.mems']) {
        if (existsSync(`${directory}/${file}`)) {
          writeFileSync(`${directory}/${file}`, readFileSync(`${directory}/../${file}`, 'utf8'));
        }
      }
    }
    warnings.length = 0;
  });
  afterEach(() => {
    for (const directory of directories) rmdirSync(directory);
  });

  const has = (file: string): boolean => directories.some((directory) => existsSync(`${directory}/${file}`));
  const read = (file: string): string => {
    const directory = directories.find((each) => existsSync(`${each}/${file}`));
    return readFileSync(`${directory}/${file}`, 'utf8').trim();
  };
  const update = (resources: grpc.LinuxResources.$Properties): Promise<void> => {
    const decoded = grpc.LinuxResources.decode(grpc.LinuxResources.encode(resources).finish());
    return updateCgroup(directories, decoded, (warning) => warnings.push(warning));
  };
  const memory = (limit: number, swap: number) => ({
    Memory: { Limit: Long.fromNumber(limit), Swap: Long.fromNumber(swap) },
  });
  const LIMITS = ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'];
  const cpu = (shares: number, quota: number, period: number) => ({
    CPU: {
      Shares: Long.fromNumber(shares, true),
      Quota: Long.fromNumber(quota),
      Period: Long.fromNumber(period, true),
    },
  });

  it('takes memory up and down in version 1, with and without a word of swap', async ({ skip }) => {
    if (!LIMITS.every(has)) skip('no such controller');
    const limits = (): string[] => LIMITS.map(read);
    await update(memory(64 * MIB, 64 * MIB));
    expect(limits()).toEqual([`${64 * MIB}`, `${64 * MIB}`]);
    await update(memory(128 * MIB, 192 * MIB));
    expect(limits()).toEqual([`${128 * MIB}`, `${192 * MIB}`]);
    await update(memory(256 * MIB, 0));
    expect(limits()).toEqual([`${256 * MIB}`, `${320 * MIB}`]);
    await update(memory(32 * MIB, 32 * MIB));
    expect(limits()).toEqual([`${32 * MIB}`, `${32 * MIB}`]);
    await update(memory(-1, 0));
    expect(limits().every((limit) => BigInt(limit) > 2n ** 62n)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('takes memory up and down in version 2', async ({ skip }) => {
    if (!has('memory.max')) skip('no such controller');
    await update(memory(64 * MIB, 96 * MIB));
    expect(read('memory.max')).toBe(`${64 * MIB}`);
    if (has('memory.swap.max')) expect(read('memory.swap.max')).toBe(`${32 * MIB}`);
    await update(memory(32 * MIB, 32 * MIB));
    expect(read('memory.max')).toBe(`${32 * MIB}`);
    await update(memory(-1, -1));
    expect(read('memory.max')).toBe('max');
  });

  it('takes shares, quota and period in version 1, in whichever order the kernel wants them', async ({ skip }) => {
    if (!has('cpu.cfs_quota_us')) skip('no such controller');
    await update(cpu(512, 50_000, 100_000));
    await update(cpu(0, 500_000, 1_000_000));
    await update(cpu(0, 1000, 2000));
    expect([read('cpu.shares'), read('cpu.cfs_quota_us'), read('cpu.cfs_period_us')]).toEqual(['512', '1000', '2000']);
    await update(cpu(0, -1, 0));
    expect(read('cpu.cfs_quota_us')).toBe('-1');
  });

  it('takes shares, quota and period in version 2', async ({ skip }) => {
    if (!has('cpu.max')) skip('no such controller');
    await update(cpu(1024, 50_000, 200_000));
    expect([read('cpu.weight'), read('cpu.max')]).toEqual(['39', '50000 200000']);
    await update(cpu(0, -1, 0));
    expect(read('cpu.max')).toBe('max 200000');
  });

  it('changes nothing where one value of many is refused', async ({ skip }) => {
    if (!has('pids.max')) skip('no such controller');
    await update({ ...memory(64 * MIB, 96 * MIB), Pids: { Limit: Long.fromNumber(10) } });
    const files = [...LIMITS, 'memory.max', 'cpu.shares', 'cpu.weight', 'pids.max'].filter(has);
    const before = files.map(read);
    const many: grpc.LinuxResources.$Properties = {
      ...cpu(4096, 0, 0),
      ...memory(512 * MIB, 512 * MIB),
      // More than the kernel has numbers for.
      Pids: { Limit: Long.MAX_VALUE },
    };
    await expect(update(many)).rejects.toMatchObject({
      status: 13,
      message: `resources.Pids.Limit: "${Long.MAX_VALUE}" is refused by the kernel (EINVAL)`,
    });
    expect(files.map(read)).toEqual(before);
  });

  it('keeps to huge pages in version 2', async ({ skip }) => {
    if (!has('hugetlb.2MB.max')) skip('no such controller');
    await update({ HugepageLimits: [{ Pagesize: '2MB', Limit: Long.fromNumber(4 * MIB, true) }] });
    expect(read('hugetlb.2MB.max')).toBe(`${4 * MIB}`);
    expect(`${statsOf(directories).hugetlb_stats?.['2MB']?.max_usage}`).toBe(`${4 * MIB}`);
  });

  it('has statistics that agree with its files', () => {
    const stats = statsOf(directories);
    if (has('pids.current')) expect(`${stats.pids_stats?.current}`).toBe('0');
    if (has('memory.limit_in_bytes')) {
      expect(`${stats.memory_stats?.usage?.limit}`).toBe(read('memory.limit_in_bytes'));
      expect(Object.keys(stats.memory_stats?.stats ?? {})).toEqual(expect.arrayContaining(['total_rss', 'anon']));
    }
    expect(stats.cpu_stats?.cpu_usage).toBeDefined();
  });
});
