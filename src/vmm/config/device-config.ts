/** The devices of a machine, as requests describe them. */
import { type Decoder, flag, list, object, optional, text } from '../../host/keeper/json.ts';
import { KataError } from '../../wire/error.ts';
import { deviceId, integer, interfaceName, macAddress, path, shareTag, socketPath, wrongValue } from './fields.ts';

/** A disk: a file or block device of the host, byte for byte. */
export interface DiskDevice {
  readonly kind: 'disk';
  readonly id: string | undefined;
  readonly path: string;
  readonly readOnly: boolean;
  /** Past the host's page cache. */
  readonly direct: boolean;
  readonly serial: string | undefined;
}

/** A network card at one end of a tap of the host. */
export interface NetDevice {
  readonly kind: 'net';
  readonly id: string | undefined;
  readonly mac: string | undefined;
  readonly tap: TapSource;
}

/** Where a tap comes from. */
type TapSource =
  /** Opened by its name, in our network namespace. */
  | { readonly is: 'name'; readonly name: string }
  /** Open already: a descriptor for each queue. They belong to the machine. */
  | { readonly is: 'descriptors'; readonly fds: readonly number[] };

/** A directory of the host that a virtiofsd serves at its socket. */
export interface FsDevice {
  readonly kind: 'fs';
  readonly id: string | undefined;
  readonly tag: string;
  readonly socket: string;
  readonly queues: number;
  readonly queueSize: number;
}

/** A device of the host that is given away, by its path in sysfs. */
export interface VfioDevice {
  readonly kind: 'vfio';
  readonly id: string | undefined;
  readonly path: string;
}

/** A file that the guest sees as memory. */
export interface PmemDevice {
  readonly file: string;
  /** What the guest writes is not kept. */
  readonly discardWrites: boolean;
}

/** Queues of a device: as many as virtio devices of QEMU may have. */
const QUEUES_MAX = 1024;
/** Entries of a queue: QEMU's limit. */
const QUEUE_SIZE_MAX = 1024;
/** Bytes of a disk's serial number (virtio 1.2, 5.2.6). */
const SERIAL_MAX_BYTES = 20;
const SYSFS = '/sys/';

/** Members that ask for what we do not do; leaving them out silently would be worse than a refusal. */
const refusedDevice = {
  iommu: optional(flag),
  vhost_user: optional(flag),
  rate_limiter_config: optional<unknown>((value) => value),
};

function refuse(where: string, given: { readonly [name: string]: unknown }): void {
  for (const name of Object.keys(refusedDevice)) {
    const value = given[name];
    if (value !== undefined && value !== false) {
      throw new KataError('ERR_UNIMPLEMENTED', `${where}.${name}: ${JSON.stringify(value)} is not supported`);
    }
  }
}

const diskShape = object({
  ...refusedDevice,
  id: optional(deviceId),
  path,
  readonly: optional(flag),
  direct: optional(flag),
  serial: optional(text),
});

/** Reads a disk. */
export const diskDevice: Decoder<DiskDevice> = (value, where) => {
  const disk = diskShape(value, where);
  refuse(where, disk);
  const { id, serial, readonly = false, direct = false } = disk;
  if (serial !== undefined && !/^[\x21-\x7e]+$/.test(serial.slice(0, SERIAL_MAX_BYTES + 1))) {
    throw wrongValue(`${where}.serial`, serial, 'of visible ASCII characters');
  }
  if (serial !== undefined && serial.length > SERIAL_MAX_BYTES) {
    throw wrongValue(`${where}.serial`, serial, `of at most ${SERIAL_MAX_BYTES} bytes`);
  }
  return { kind: 'disk', id, path: disk.path, readOnly: readonly, direct, serial };
};

const netShape = object({
  ...refusedDevice,
  id: optional(deviceId),
  mac: optional(macAddress),
  tap: optional(interfaceName),
});

/**
 * Reads a network card.
 * @param fds descriptors that came with the request; one request describes one card.
 */
export function netDevice(fds: readonly number[]): Decoder<NetDevice> {
  return (value, where) => {
    const net = netShape(value, where);
    refuse(where, net);
    const { id, mac, tap } = net;
    if (fds.length > 0) return { kind: 'net', id, mac, tap: { is: 'descriptors', fds } };
    if (tap === undefined) {
      throw new KataError(
        'ERR_INVALID_ARGUMENT',
        `${where}.tap: there is none, and no descriptor came with the request`,
      );
    }
    return { kind: 'net', id, mac, tap: { is: 'name', name: tap } };
  };
}

const fsShape = object({
  id: optional(deviceId),
  tag: shareTag,
  socket: socketPath,
  num_queues: optional(integer(1, QUEUES_MAX)),
  queue_size: optional(integer(2, QUEUE_SIZE_MAX)),
  dax: optional(flag),
});

/** Reads a shared file system. */
export const fsDevice: Decoder<FsDevice> = (value, where) => {
  const { id, tag, socket, dax = false, num_queues: queues = 1, queue_size: queueSize = 1024 } = fsShape(value, where);
  if (dax) throw new KataError('ERR_UNIMPLEMENTED', `${where}.dax: true is not supported`);
  if ((queueSize & (queueSize - 1)) !== 0) throw wrongValue(`${where}.queue_size`, queueSize, 'a power of two');
  return { kind: 'fs', id, tag, socket, queues, queueSize };
};

const vfioShape = object({ id: optional(deviceId), path, iommu: optional(flag) });

/** Reads a device of the host. */
export const vfioDevice: Decoder<VfioDevice> = (value, where) => {
  const device = vfioShape(value, where);
  refuse(where, device);
  if (!device.path.startsWith(SYSFS)) throw wrongValue(`${where}.path`, device.path, `a device below ${SYSFS}`);
  return { kind: 'vfio', id: device.id, path: device.path };
};

const pmemShape = object({ file: path, discard_writes: optional(flag), iommu: optional(flag) });

/** Reads a memory that is a file. */
const pmemDevice: Decoder<PmemDevice> = (value, where) => {
  const pmem = pmemShape(value, where);
  refuse(where, pmem);
  return { file: pmem.file, discardWrites: pmem.discard_writes ?? false };
};

/** Lists of them, where a request may have several. */
export const disks = list(diskDevice);
export const nets = list(netDevice([]));
export const shares = list(fsDevice);
export const vfioDevices = list(vfioDevice);
export const pmems = list(pmemDevice);
