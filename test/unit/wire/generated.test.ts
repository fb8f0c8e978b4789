import fc from 'fast-check';
import Long from 'long';
import { describe, expect, it } from 'vitest';
import { grpc, types } from '../../../src/wire/generated/proto.js';

/** Hex of an encoded message. */
function hex(writer: { finish(): Uint8Array }): string {
  return Buffer.from(writer.finish()).toString('hex');
}

describe('generated code', () => {
  it('keeps every signed 64-bit number', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const bytes = grpc.LinuxMemory.encode({ Limit: Long.fromString(`${value}`) }).finish();
        expect(grpc.LinuxMemory.decode(bytes).Limit.toString()).toBe(`${value}`);
      }),
      { examples: [[2n ** 63n - 1n], [-1n], [-(2n ** 63n)], [2n ** 53n + 1n]] },
    );
  });

  it('keeps every unsigned 64-bit number, alone, in a list and in a map', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
        const long = Long.fromString(`${value}`, true);
        const bytes = grpc.StatsContainerResponse.encode({
          cgroup_stats: {
            cpu_stats: { cpu_usage: { percpu_usage: [long, Long.UZERO, long] } },
            memory_stats: { cache: long, stats: { inactive_file: long } },
          },
        }).finish();
        const stats = grpc.StatsContainerResponse.decode(bytes).cgroup_stats;
        expect(stats?.memory_stats?.cache.toString()).toBe(`${value}`);
        expect(stats?.memory_stats?.stats['inactive_file']?.toString()).toBe(`${value}`);
        expect(stats?.cpu_stats?.cpu_usage?.percpu_usage.map(String)).toEqual([`${value}`, '0', `${value}`]);
      }),
      { examples: [[2n ** 64n - 1n], [2n ** 63n], [2n ** 53n + 1n]] },
    );
  });

  it('gives absent fields their default, in nested messages too', () => {
    const { storages, OCI, sandbox_pidns } = grpc.CreateContainerRequest.decode(
      grpc.CreateContainerRequest.encode({ storages: [{ source: '/dev/vdb' }] }).finish(),
    );
    expect([sandbox_pidns, OCI]).toEqual([false, null]);
    expect(storages[0]?.driver).toBe('');
    expect(storages[0]?.options).toEqual([]);
    expect(grpc.LinuxMemory.decode(new Uint8Array()).Limit.toString()).toBe('0');
  });

  it('tells an absent optional field from one that is zero', () => {
    const config = grpc.MemAgentMemcgConfig.decode(
      grpc.MemAgentMemcgConfig.encode({ disabled: false, swappiness_max: 0, period_secs: Long.UZERO }).finish(),
    );
    expect([config.disabled, config.swap, config.swappiness_max]).toEqual([false, null, 0]);
    expect(config.period_secs?.toString()).toBe('0');
    expect(config.eviction_run_aging_count_min).toBeNull();
  });

  it('tells errno 0 of a seccomp rule from no errno', () => {
    const decoded = (rule: grpc.LinuxSyscall.$Properties): grpc.LinuxSyscall =>
      grpc.LinuxSyscall.decode(grpc.LinuxSyscall.encode(rule).finish());
    expect(decoded({ Names: ['getcwd'], errnoret: 0 })).toMatchObject({ errnoret: 0, ErrnoRet: 'errnoret' });
    expect(decoded({ Names: ['getcwd'] }).ErrnoRet).toBeUndefined();
  });

  it('uses the tags that skip a number', () => {
    expect(
      hex(grpc.FSGroup.encode({ group_id: 5, group_change_policy: types.FSGroupChangePolicy.OnRootMismatch })),
    ).toBe('10051801');
    expect(hex(grpc.ReseedRandomDevRequest.encode({ data: Buffer.from([1]) }))).toBe('120101');
  });

  it('packs repeated numbers', () => {
    expect(hex(grpc.MemHotplugByProbeRequest.encode({ memHotplugProbeAddr: [Long.ONE, Long.fromNumber(2)] }))).toBe(
      '0a020102',
    );
    expect(hex(grpc.AddSwapRequest.encode({ PCIPath: [1, 2] }))).toBe('0a020102');
  });

  it('refuses a text that is not UTF-8 instead of changing it', () => {
    // Field 4 (Args) of a Process, with a byte that UTF-8 never has.
    expect(() => grpc.Process.decode(Buffer.from('2201ff', 'hex'))).toThrow();
  });

  it('skips fields that it does not know', () => {
    const bytes = Buffer.concat([
      Buffer.from('fa3f03616263', 'hex'),
      grpc.StartContainerRequest.encode({ container_id: 'c1' }).finish(),
    ]);
    expect(grpc.StartContainerRequest.decode(bytes)).toEqual({ container_id: 'c1' });
  });

  it('takes a map key that every object has as an ordinary one', () => {
    const bytes = grpc.Spec.encode({
      Annotations: Object.fromEntries([
        ['__proto__', 'x'],
        ['constructor', 'y'],
      ]),
    }).finish();
    const { Annotations } = grpc.Spec.decode(bytes);
    expect(Object.entries(Annotations)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it('throws an error, and nothing else, for random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        try {
          grpc.CreateContainerRequest.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });
});
