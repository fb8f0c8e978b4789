import Long from 'long';
import { describe, expect, it } from 'vitest';
import { convertResources } from '../../../../../src/agent/container/oci-spec/resources.ts';
import { grpc } from '../../../../../src/wire/generated/proto.js';

const resources = (more: grpc.LinuxResources.$Properties): grpc.LinuxResources =>
  grpc.LinuxResources.decode(grpc.LinuxResources.encode(more).finish());

function convert(more: grpc.LinuxResources.$Properties, version: 1 | 2) {
  const warnings: string[] = [];
  const { devices: _rules, ...rest } = convertResources(resources(more), [], version, (text) => warnings.push(text));
  return { ...rest, warnings };
}

describe('convertResources', () => {
  it('takes zero for "not set", and keeps what is above 2^53', () => {
    const converted = convert({ Memory: { Limit: Long.MAX_VALUE }, CPU: { Quota: Long.NEG_ONE } }, 2);
    expect(converted).toMatchObject({
      memory: { limit: 2n ** 63n - 1n, swap: undefined, reservation: undefined },
      cpu: { quota: -1n, shares: undefined, period: undefined, cpus: undefined },
      pids: undefined,
      warnings: [],
    });
  });

  it('honours a limit of processes', () => {
    expect(convert({ Pids: { Limit: Long.fromNumber(100) } }, 2)).toMatchObject({ pids: { limit: 100n } });
  });

  const odd: grpc.LinuxResources.$Properties = {
    Memory: { Swappiness: Long.fromNumber(60, true), DisableOOMKiller: true, Kernel: Long.ONE, KernelTCP: Long.ONE },
    CPU: { RealtimeRuntime: Long.ONE, RealtimePeriod: Long.UONE },
    Network: { ClassID: 7 },
  };
  it('leaves out what version 2 has no file for, and says so', () => {
    const converted = convert(odd, 2);
    expect(converted).toMatchObject({
      memory: { swappiness: undefined, disableOOMKiller: undefined, kernelTCP: undefined },
      cpu: { realtimeRuntime: undefined, realtimePeriod: undefined },
      network: undefined,
    });
    expect(converted.warnings).toHaveLength(7);
  });

  it('applies it in version 1, but for kernel memory', () => {
    const converted = convert(odd, 1);
    expect(converted).toMatchObject({
      memory: { swappiness: 60n, disableOOMKiller: true, kernelTCP: 1n },
      cpu: { realtimeRuntime: 1n, realtimePeriod: 1n },
      network: { classID: 7 },
    });
    expect(converted.warnings).toHaveLength(1);
  });

  it('converts limits of devices and huge pages', () => {
    const throttle = { Major: Long.fromNumber(8), Minor: Long.ZERO, Rate: Long.MAX_UNSIGNED_VALUE };
    const converted = convert(
      {
        BlockIO: { Weight: 10, ThrottleReadBpsDevice: [throttle] },
        HugepageLimits: [{ Pagesize: '2MB', Limit: Long.MAX_UNSIGNED_VALUE }],
      },
      2,
    );
    expect(converted).toMatchObject({
      blockIO: { weight: 10, throttleReadBpsDevice: [{ major: 8n, minor: 0n, rate: 2n ** 64n - 1n }] },
      hugepageLimits: [{ pageSize: '2MB', limit: 2n ** 64n - 1n }],
    });
  });
});
