/**
 * The machine that a `vm.create` describes, in either dialect: older clients give kernel, command line and initramfs an
 * object each, newer ones one `payload` for all.
 */
import { type Decoder, flag, object, optional, text, word } from '../../host/keeper/json.ts';
import { KataError } from '../../wire/error.ts';
import {
  type DiskDevice,
  disks,
  type FsDevice,
  type NetDevice,
  nets,
  type PmemDevice,
  pmems,
  shares,
  type VfioDevice,
  vfioDevices,
} from './device-config.ts';
import { commandLine, integer, path, socketPath, wrongValue } from './fields.ts';

/** A machine. */
export interface VmConfig {
  readonly cpus: { readonly boot: number; readonly max: number };
  readonly memory: MemoryConfig;
  readonly kernel: string;
  readonly initramfs: string | undefined;
  readonly commandLine: string;
  readonly devices: readonly (DiskDevice | NetDevice | FsDevice | VfioDevice)[];
  readonly pmems: readonly PmemDevice[];
  readonly vsock: { readonly cid: number; readonly socket: string } | undefined;
  readonly console: ConsoleConfig;
}

/** Memory in bytes. */
export interface MemoryConfig {
  readonly size: number;
  /** How much may be added while it runs. */
  readonly hotplugSize: number;
  readonly hugePages: boolean;
  /** Taken from the host at the start. */
  readonly prefault: boolean;
}

/** What the guest prints on: a serial line or a virtio console; on our standard output, or only in our own log. */
interface ConsoleConfig {
  readonly device: 'serial' | 'virtio';
  readonly isShown: boolean;
}

/** Limit of QEMU's `pc` machine. */
export const CPUS_MAX = 255;
const MIB = 1 << 20;
/** No kernel starts in less. */
const MEMORY_MIN_BYTES = 32 * MIB;
/** A context id of a guest; vsock(7): lower ones have a meaning, the highest means any. */
const CID_RANGE = [3, 0xfffffffe] as const;

const CONSOLE_MODES = ['Off', 'Null', 'Tty', 'Pty', 'File', 'Socket'] as const;
const consoleShape = object({ mode: word(...CONSOLE_MODES) });

const memoryShape = object({
  size: integer(MEMORY_MIN_BYTES),
  hotplug_size: optional(integer(0)),
  hotplug_method: optional(text),
  hugepages: optional(flag),
  prefault: optional(flag),
});

const shape = object({
  payload: optional(
    object({
      kernel: optional(path),
      initramfs: optional(path),
      cmdline: optional(commandLine),
      firmware: optional(text),
    }),
  ),
  kernel: optional(object({ path })),
  initramfs: optional(object({ path })),
  cmdline: optional(object({ args: commandLine })),
  cpus: optional(object({ boot_vcpus: integer(1, CPUS_MAX), max_vcpus: integer(1) })),
  memory: memoryShape,
  disks: optional(disks),
  net: optional(nets),
  fs: optional(shares),
  devices: optional(vfioDevices),
  pmem: optional(pmems),
  vsock: optional(object({ cid: integer(...CID_RANGE), socket: socketPath })),
  serial: optional(consoleShape),
  console: optional(consoleShape),
  iommu: optional(flag),
  platform: optional(object({ tdx: optional(flag) })),
});

/** Members whose meaning cannot be had, and must not get lost without a word. Others that we do not know are passed over. */
const REFUSED = ['balloon', 'vdpa', 'tpm', 'sgx_epc', 'numa'];

/** Reads the body of a `vm.create`. @throws KataError ERR_PROTOCOL, ERR_INVALID_ARGUMENT or ERR_UNIMPLEMENTED. */
export const vmConfig: Decoder<VmConfig> = (value, where) => {
  const given = shape(value, where);
  const payload = given.payload ?? {};
  const kernel = payload.kernel ?? given.kernel?.path;
  if (kernel === undefined) throw new KataError('ERR_INVALID_ARGUMENT', `${where}: there is no kernel`);
  const refused = {
    'payload.firmware': payload.firmware,
    'platform.tdx': given.platform?.tdx,
    iommu: given.iommu,
    ...Object.fromEntries(REFUSED.map((name) => [name, memberOf(value, name)])),
  };
  for (const [name, asked] of Object.entries(refused)) {
    if (asked !== undefined && asked !== false)
      throw new KataError('ERR_UNIMPLEMENTED', `${where}.${name} is not supported`);
  }
  return {
    cpus: cpusOf(given.cpus, `${where}.cpus`),
    memory: memoryOf(given.memory, `${where}.memory`),
    kernel,
    initramfs: payload.initramfs ?? given.initramfs?.path,
    commandLine: payload.cmdline ?? given.cmdline?.args ?? '',
    devices: [...(given.disks ?? []), ...(given.net ?? []), ...(given.fs ?? []), ...(given.devices ?? [])],
    pmems: given.pmem ?? [],
    vsock: given.vsock,
    console: consoleOf(given.serial?.mode ?? 'Null', given.console?.mode ?? 'Off', where),
  };
};

function memberOf(value: unknown, name: string): unknown {
  return new Map(Object.entries(Object(value))).get(name);
}

function cpusOf(
  cpus: { readonly boot_vcpus: number; readonly max_vcpus: number } | undefined,
  where: string,
): VmConfig['cpus'] {
  const { boot_vcpus: boot, max_vcpus: max } = cpus ?? { boot_vcpus: 1, max_vcpus: 1 };
  if (max < boot) throw wrongValue(`${where}.max_vcpus`, max, `${boot} or more, the number of those at the start`);
  return { boot, max: Math.min(max, CPUS_MAX) };
}

function memoryOf(memory: ReturnType<typeof memoryShape>, where: string): MemoryConfig {
  if (memory.size % MIB !== 0) throw wrongValue(`${where}.size`, memory.size, 'a multiple of 1 MiB');
  const method = memory.hotplug_method ?? 'Acpi';
  if (method.toLowerCase() !== 'acpi') throw new KataError('ERR_UNIMPLEMENTED', `${where}.hotplug_method: ${method}`);
  return {
    size: memory.size,
    hotplugSize: memory.hotplug_size ?? 0,
    hugePages: memory.hugepages ?? false,
    prefault: memory.prefault ?? false,
  };
}

type ConsoleMode = (typeof CONSOLE_MODES)[number];

function consoleOf(serial: ConsoleMode, virtio: ConsoleMode, where: string): ConsoleConfig {
  for (const [name, mode] of Object.entries({ serial, console: virtio })) {
    if (mode === 'Pty' || mode === 'File' || mode === 'Socket') {
      throw new KataError('ERR_UNIMPLEMENTED', `${where}.${name}.mode: ${mode} is not supported`);
    }
  }
  // Both could be asked for; the serial line has the kernel's first words.
  if (serial === 'Tty') return { device: 'serial', isShown: true };
  if (virtio === 'Tty') return { device: 'virtio', isShown: true };
  return { device: 'serial', isShown: false };
}
