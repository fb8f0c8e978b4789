/** Resource limits of a container. Zero means "not set"; -1 means "no limit". */
import type { grpc } from '../../../wire/generated/proto.js';
import { deviceRules } from './devices.ts';
import type { JsonObject } from './json.ts';
import { exact, nonEmpty, nonZero, nonZero32 } from './number.ts';

type Warn = (warning: string) => void;

/** Drops a member that version 2 of the hierarchy has no file for; the runtime would refuse the whole container. */
function onlyV1<T>(name: string, value: T | undefined, cgroupVersion: 1 | 2, warn: Warn): T | undefined {
  if (value === undefined || cgroupVersion === 1) return value;
  warn(`Linux.Resources.${name}: not applied, cgroup version 2 has no such limit`);
  return undefined;
}

function convertMemory(memory: grpc.LinuxMemory, cgroupVersion: 1 | 2, warn: Warn): JsonObject {
  // Kernel memory is left out on purpose: no kernel since 5.16 takes the limit.
  if (!memory.Kernel.isZero())
    warn('Linux.Resources.Memory.Kernel: not applied, the kernel has no such limit any more');
  const disableOOMKiller = memory.DisableOOMKiller ? true : undefined;
  return {
    limit: nonZero(memory.Limit),
    reservation: nonZero(memory.Reservation),
    swap: nonZero(memory.Swap),
    kernelTCP: onlyV1('Memory.KernelTCP', nonZero(memory.KernelTCP), cgroupVersion, warn),
    swappiness: onlyV1('Memory.Swappiness', nonZero(memory.Swappiness), cgroupVersion, warn),
    disableOOMKiller: onlyV1('Memory.DisableOOMKiller', disableOOMKiller, cgroupVersion, warn),
  };
}

function convertCpu(cpu: grpc.LinuxCPU, cgroupVersion: 1 | 2, warn: Warn): JsonObject {
  return {
    shares: nonZero(cpu.Shares),
    quota: nonZero(cpu.Quota),
    period: nonZero(cpu.Period),
    realtimeRuntime: onlyV1('CPU.RealtimeRuntime', nonZero(cpu.RealtimeRuntime), cgroupVersion, warn),
    realtimePeriod: onlyV1('CPU.RealtimePeriod', nonZero(cpu.RealtimePeriod), cgroupVersion, warn),
    cpus: nonEmpty(cpu.Cpus),
    mems: nonEmpty(cpu.Mems),
  };
}

function convertThrottle(device: grpc.LinuxThrottleDevice): JsonObject {
  return { major: exact(device.Major), minor: exact(device.Minor), rate: exact(device.Rate) };
}

function convertBlockIo(blockIo: grpc.LinuxBlockIO): JsonObject {
  return {
    weight: nonZero32(blockIo.Weight),
    leafWeight: nonZero32(blockIo.LeafWeight),
    weightDevice: blockIo.WeightDevice.map((device) => ({
      major: exact(device.Major),
      minor: exact(device.Minor),
      weight: nonZero32(device.Weight),
      leafWeight: nonZero32(device.LeafWeight),
    })),
    throttleReadBpsDevice: blockIo.ThrottleReadBpsDevice.map(convertThrottle),
    throttleWriteBpsDevice: blockIo.ThrottleWriteBpsDevice.map(convertThrottle),
    throttleReadIOPSDevice: blockIo.ThrottleReadIOPSDevice.map(convertThrottle),
    throttleWriteIOPSDevice: blockIo.ThrottleWriteIOPSDevice.map(convertThrottle),
  };
}

function convertNetwork(network: grpc.LinuxNetwork, cgroupVersion: 1 | 2, warn: Warn): JsonObject | undefined {
  const priorities = network.Priorities.map(({ Name, Priority }) => ({ name: Name, priority: Priority }));
  return onlyV1('Network', { classID: nonZero32(network.ClassID), priorities }, cgroupVersion, warn);
}

/**
 * Converts the limits.
 * @param nodes device nodes that the container is given, which it may then use.
 * @param warn gets a sentence for a limit that is not applied.
 * @throws KataError (INTERNAL on the wire) naming field and value of a bad device rule.
 */
export function convertResources(
  given: grpc.LinuxResources | null | undefined,
  nodes: readonly grpc.LinuxDevice[],
  cgroupVersion: 1 | 2,
  warn: Warn,
): JsonObject {
  const pidsLimit = given?.Pids ? nonZero(given.Pids.Limit) : undefined;
  return {
    devices: deviceRules(given?.Devices ?? [], nodes),
    memory: given?.Memory ? convertMemory(given.Memory, cgroupVersion, warn) : undefined,
    cpu: given?.CPU ? convertCpu(given.CPU, cgroupVersion, warn) : undefined,
    pids: pidsLimit === undefined ? undefined : { limit: pidsLimit },
    blockIO: given?.BlockIO ? convertBlockIo(given.BlockIO) : undefined,
    hugepageLimits: (given?.HugepageLimits ?? []).map(({ Pagesize, Limit }) => ({
      pageSize: Pagesize,
      limit: exact(Limit),
    })),
    network: given?.Network ? convertNetwork(given.Network, cgroupVersion, warn) : undefined,
  };
}
