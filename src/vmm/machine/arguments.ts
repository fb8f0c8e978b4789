/** The command line of QEMU for a machine that the API has described, as a pure function. */
import {
  type Accelerator,
  accelerationArguments,
  BARE_ARGUMENTS,
  CONSOLE_ARGUMENTS,
  escapeValue,
  identityArguments,
  kernelArguments,
  qmpArguments,
  sharedMemoryArguments,
} from '../../host/qemu/arguments.ts';
import type { PmemDevice } from '../config/device-config.ts';
import type { VmConfig } from '../config/vm-config.ts';
import { asOption, blockNode, chardevOf, deviceProperties, netBackend } from './device-properties.ts';
import type { PlacedDevice } from './device-table.ts';
import { guestCommandLine } from './guest-command-line.ts';
import { MEMORY_BLOCK_BYTES, MEMORY_SLOTS } from './memory-limits.ts';

/** What the machine monitor knows beyond the request when it starts QEMU. */
export interface Surroundings {
  readonly sandboxId: string;
  readonly uuid: string;
  readonly accelerator: Accelerator;
  readonly devices: readonly PlacedDevice[];
  /** The initramfs that the machine starts with, whoever named it. */
  readonly initramfs: string | undefined;
  /** How much memory may be added (bytes). */
  readonly hotplugBytes: number;
  readonly qmpSocket: string;
  readonly vsockSocket: string;
  /** Our connection to the virtiofsd of a device. */
  readonly fsConnection: (device: PlacedDevice) => number;
  /** Bytes of a file that becomes memory. */
  readonly sizeOf: (file: string) => number;
  /** Whether the path of a disk is a block device. */
  readonly isBlockDevice: (path: string) => boolean;
}

/** A command line, and the descriptors that QEMU finds from {@link FIRST_FD} on, in this order. */
export interface MachineCommand {
  readonly args: readonly string[];
  readonly fds: readonly number[];
}

/** The first descriptor after standard error. */
const FIRST_FD = 3;
const KIB = 1024;

/** The command line of a machine. */
export function machineCommand(config: VmConfig, around: Surroundings): MachineCommand {
  const fds: number[] = [];
  const inherit = (fd: number): string => String(FIRST_FD + fds.push(fd) - 1);
  const { boot, max } = config.cpus;
  const args = [
    ...identityArguments(around.sandboxId, around.uuid),
    // pc and not q35: devices can be added to its root bus, where the agent looks for them.
    ...['-machine', `pc,memory-backend=mem${config.pmems.length > 0 ? ',nvdimm=on' : ''}`],
    ...accelerationArguments(around.accelerator),
    ...['-smp', `cpus=${boot},maxcpus=${max},sockets=1,cores=${max},threads=1`],
    ...memoryArguments(config, around),
    ...BARE_ARGUMENTS,
    ...kernelArguments(config.kernel, around.initramfs, guestCommandLine(config.commandLine, around.accelerator)),
    ...(config.console.device === 'serial' ? CONSOLE_ARGUMENTS : []),
    ...qmpArguments(around.qmpSocket),
    ...config.pmems.flatMap((pmem, index) => pmemArguments(pmem, index, around.sizeOf(pmem.file))),
    ...around.devices.flatMap((device) => deviceArguments(device, around, inherit)),
  ];
  return { args, fds };
}

function memoryArguments(config: VmConfig, { hotplugBytes, sizeOf }: Surroundings): string[] {
  const { size, hugePages, prefault } = config.memory;
  const pmemBytes = config.pmems.map(({ file }) => Math.ceil(sizeOf(file) / MEMORY_BLOCK_BYTES) * MEMORY_BLOCK_BYTES);
  const slots = config.pmems.length + (hotplugBytes > 0 ? MEMORY_SLOTS : 0);
  const most = size + hotplugBytes + pmemBytes.reduce((sum, bytes) => sum + bytes, 0);
  const limits = slots === 0 ? '' : `,slots=${slots},maxmem=${most / KIB}K`;
  const extra = [...(hugePages ? ['hugetlb=on'] : []), ...(prefault ? ['prealloc=on'] : [])];
  return ['-m', `size=${size / KIB}K${limits}`, ...sharedMemoryArguments(`${size / KIB}K`, extra)];
}

function pmemArguments({ file, discardWrites }: PmemDevice, index: number, size: number): string[] {
  // Read-only where writes would be thrown away: many machines share such a file, and QEMU gives virtiofsd, which maps
  // all memory for writing, no read-only memory.
  const access = discardWrites ? 'share=off,readonly=on' : 'share=on';
  return [
    ...['-object', `memory-backend-file,id=pmem${index},mem-path=${escapeValue(file)},size=${size},${access}`],
    ...['-device', `nvdimm,id=nvdimm${index},memdev=pmem${index}${discardWrites ? ',unarmed=on' : ''}`],
  ];
}

function deviceArguments(placed: PlacedDevice, around: Surroundings, inherit: (fd: number) => string): string[] {
  const device = ['-device', asOption('driver', deviceProperties(placed))];
  const port = placed.device.kind === 'console' ? ['-device', `virtconsole,chardev=${chardevOf(placed)}`] : [];
  return [...backendArguments(placed, around, inherit), ...device, ...port];
}

function backendArguments(placed: PlacedDevice, around: Surroundings, inherit: (fd: number) => string): string[] {
  const { device } = placed;
  switch (device.kind) {
    case 'disk':
      return ['-blockdev', JSON.stringify(blockNode(placed, device, around.isBlockDevice(device.path)))];
    case 'net':
      return ['-netdev', asOption('type', netBackend(placed, device, inherit))];
    case 'fs':
      return ['-chardev', `socket,id=${chardevOf(placed)},fd=${inherit(around.fsConnection(placed))}`];
    case 'vsock':
      return ['-chardev', `socket,id=${chardevOf(placed)},path=${escapeValue(around.vsockSocket)}`];
    case 'console':
      return ['-chardev', `stdio,id=${chardevOf(placed)},signal=off`];
    case 'vfio':
    case 'rng':
      return [];
  }
}
