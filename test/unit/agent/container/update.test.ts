import Long from 'long';
import { describe, expect, it } from 'vitest';
import { planUpdate } from '../../../../src/agent/container/update.ts';
import { sharesToWeight } from '../../../../src/agent/container/update-cpu.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';
import { type CgroupTexts, filesFrom, V1, V2 } from './cgroup-fixture.ts';

const MIB = 1024 * 1024;

function plan(texts: CgroupTexts, resources: grpc.LinuxResources.$Properties) {
  const warnings: string[] = [];
  const target = { files: filesFrom(texts), warn: (warning: string): void => void warnings.push(warning) };
  const decoded = grpc.LinuxResources.decode(grpc.LinuxResources.encode(resources).finish());
  const writes = planUpdate(target, decoded).map(({ path, text }) => [path, text]);
  return { writes, warnings };
}

const memory = (limit: number, swap = 0, more: grpc.LinuxMemory.$Properties = {}) => ({
  Memory: { Limit: Long.fromNumber(limit), Swap: Long.fromNumber(swap), ...more },
});
const cpu = (quota: number, period: number, more: grpc.LinuxCPU.$Properties = {}) => ({
  CPU: { Quota: Long.fromNumber(quota), Period: Long.fromNumber(period, true), ...more },
});

describe('planUpdate', () => {
  it.each([V1, V2])('leaves alone what is zero, empty or absent', (texts) => {
    expect(plan(texts, {})).toEqual({ writes: [], warnings: [] });
    expect(plan(texts, { ...memory(0), ...cpu(0, 0), Pids: {} })).toEqual({ writes: [], warnings: [] });
  });

  it.each([
    [1, 1],
    [2, 1],
    [1024, 39],
    [262_144, 10_000],
    [1_000_000, 10_000],
  ])('makes %i shares a weight of %i', (shares, weight) => {
    expect(sharesToWeight(BigInt(shares))).toBe(BigInt(weight));
    const resources = { CPU: { Shares: Long.fromNumber(shares, true) } };
    expect(plan(V2, resources).writes).toEqual([['/c/cpu.weight', `${weight}`]]);
    expect(plan(V1, resources).writes).toEqual([['/cpu/cpu.shares', `${shares}`]]);
  });

  it.each([
    ['both', cpu(25_000, 50_000), '25000 50000'],
    ['a quota', cpu(25_000, 0), '25000 100000'],
    ['a period', cpu(0, 200_000), '50000 200000'],
    ['no quota', cpu(-1, 0), 'max 100000'],
  ])('writes cpu.max of version 2: %s', (_what, resources, text) => {
    expect(plan(V2, resources).writes).toEqual([['/c/cpu.max', text]]);
  });

  it.each([
    ['a longer period first', cpu(80_000, 200_000), ['cpu.cfs_period_us', 'cpu.cfs_quota_us']],
    ['a shorter one last', cpu(20_000, 50_000), ['cpu.cfs_quota_us', 'cpu.cfs_period_us']],
    ['a quota alone', cpu(-1, 0), ['cpu.cfs_quota_us']],
    ['a period alone', cpu(0, 50_000), ['cpu.cfs_period_us']],
  ])('writes two files in version 1: %s', (_what, resources, files) => {
    expect(plan(V1, resources).writes.map(([path]) => path)).toEqual(files.map((file) => `/cpu/${file}`));
  });

  it('writes the sets of processors and of memory', () => {
    const resources = { CPU: { Cpus: '0,2-3', Mems: '0' } };
    expect(plan(V2, resources).writes).toEqual([
      ['/c/cpuset.cpus', '0,2-3'],
      ['/c/cpuset.mems', '0'],
    ]);
    expect(plan(V1, resources).writes[0]).toEqual(['/cpuset/cpuset.cpus', '0,2-3']);
  });

  it.each([
    ['a limit', memory(32 * MIB), [['memory.max', `${32 * MIB}`]]],
    [
      'none',
      memory(-1, -1),
      [
        ['memory.max', 'max'],
        ['memory.swap.max', 'max'],
      ],
    ],
    [
      'no swap',
      memory(32 * MIB, 32 * MIB),
      [
        ['memory.max', `${32 * MIB}`],
        ['memory.swap.max', '0'],
      ],
    ],
    [
      'some swap',
      memory(32 * MIB, 48 * MIB),
      [
        ['memory.max', `${32 * MIB}`],
        ['memory.swap.max', `${16 * MIB}`],
      ],
    ],
    ['swap above the limit that is there', memory(0, 80 * MIB), [['memory.swap.max', `${16 * MIB}`]]],
    ['a reservation', memory(0, 0, { Reservation: Long.fromNumber(MIB) }), [['memory.low', `${MIB}`]]],
  ])('writes memory of version 2: %s', (_what, resources, writes) => {
    expect(plan(V2, resources).writes).toEqual(writes.map(([file, text]) => [`/c/${file}`, text]));
  });

  const LIMIT = 'memory.limit_in_bytes';
  const MEMSW = 'memory.memsw.limit_in_bytes';
  it.each([
    ['a limit below both', memory(32 * MIB), [[LIMIT, `${32 * MIB}`]]],
    [
      'both lower',
      memory(32 * MIB, 32 * MIB),
      [
        [LIMIT, `${32 * MIB}`],
        [MEMSW, `${32 * MIB}`],
      ],
    ],
    [
      'both higher',
      memory(256 * MIB, 256 * MIB),
      [
        [MEMSW, `${256 * MIB}`],
        [LIMIT, `${256 * MIB}`],
      ],
    ],
    [
      'a limit above both keeps the swap',
      memory(256 * MIB),
      [
        [MEMSW, `${320 * MIB}`],
        [LIMIT, `${256 * MIB}`],
      ],
    ],
    [
      'none, without a word of swap',
      memory(-1),
      [
        [MEMSW, '-1'],
        [LIMIT, '-1'],
      ],
    ],
    ['swap alone', memory(0, -1), [[MEMSW, '-1']]],
    ['a reservation', memory(0, 0, { Reservation: Long.NEG_ONE }), [['memory.soft_limit_in_bytes', '-1']]],
  ])('writes memory of version 1: %s', (_what, resources, writes) => {
    expect(plan(V1, resources).writes).toEqual(writes.map(([file, text]) => [`/memory/${file}`, text]));
  });

  it('writes pids and huge pages', () => {
    const resources = {
      Pids: { Limit: Long.fromNumber(-1) },
      HugepageLimits: [{ Pagesize: '2MB', Limit: Long.UZERO }],
    };
    expect(plan(V2, resources).writes).toEqual([
      ['/c/pids.max', 'max'],
      ['/c/hugetlb.2MB.max', '0'],
      ['/c/hugetlb.2MB.rsvd.max', '0'],
    ]);
    expect(plan(V1, resources).writes).toEqual([
      ['/pids/pids.max', 'max'],
      ['/hugetlb/hugetlb.2MB.limit_in_bytes', '0'],
    ]);
  });

  it.each([
    ['resources.Memory.Limit: "-2"', memory(-2)],
    ['resources.Memory.Swap: "-7"', memory(0, -7)],
    ['resources.Memory.Swap: "1048576" is less than the limit of memory, 2097152', memory(2 * MIB, MIB)],
    ['resources.Memory.Swap: "1048576" is less than the limit of memory, 67108864', memory(0, MIB)],
    ['resources.Memory.Swap: "1048576" needs a limit of memory', memory(-1, MIB)],
    ['resources.Memory.Reservation: "-3"', memory(0, 0, { Reservation: Long.fromNumber(-3) })],
    ['resources.CPU.Quota: "-2"', cpu(-2, 0)],
    ['resources.CPU.Cpus: "0-1\\n"', cpu(0, 0, { Cpus: '0-1\n' })],
    ['resources.CPU.Mems: "a"', cpu(0, 0, { Mems: 'a' })],
    ['resources.Pids.Limit: "-2"', { Pids: { Limit: Long.fromNumber(-2) } }],
    ['resources.HugepageLimits.Pagesize: "../2MB"', { HugepageLimits: [{ Pagesize: '../2MB' }] }],
  ])('refuses %s', (text, resources) => {
    for (const texts of [V1, V2]) expect(() => plan(texts, resources)).toThrow(text);
  });

  it('leaves out what the guest has not, or what is not to be changed, and says so', () => {
    const resources = {
      ...memory(32 * MIB, 64 * MIB, { Swappiness: Long.fromNumber(10, true) }),
      ...cpu(10_000, 0, { Cpus: '0', RealtimeRuntime: Long.ONE }),
      Pids: { Limit: Long.ONE },
      BlockIO: { Weight: 10 },
      HugepageLimits: [{ Pagesize: '1GB', Limit: Long.UONE }],
    };
    const { writes, warnings } = plan({ '/c': { 'memory.max': 'max\n' } }, resources);
    expect(writes).toEqual([['/c/memory.max', `${32 * MIB}`]]);
    for (const part of ['Swap', 'Swappiness', 'Quota', 'Cpus', 'RealtimeRuntime', 'Pids', 'BlockIO', '1GB']) {
      expect(warnings).toContainEqual(expect.stringMatching(`${part}.*: not applied`));
    }
  });
});
