/** What QEMU is told of a device, the same on its command line as by a command while it runs. */
import { escapeValue } from '../../host/qemu/arguments.ts';
import type { DiskDevice, NetDevice } from '../config/device-config.ts';
import type { PlacedDevice } from './device-table.ts';

/** Properties by name; the types are those that QEMU's commands want. */
export type Properties = Readonly<Record<string, string | number | boolean>>;

/** Name of the block node behind a disk. */
export function blockNodeOf({ name }: PlacedDevice): string {
  return `${name}-node`;
}

/** Name of the network backend behind a card. */
export function netBackendOf({ name }: PlacedDevice): string {
  return `${name}-net`;
}

/** Name of the character device behind a device whose other end is a process of the host. */
export function chardevOf({ name }: PlacedDevice): string {
  return `${name}-chr`;
}

/** The device itself: `driver` and its properties. Its backend must be there before it. */
export function deviceProperties(placed: PlacedDevice): Properties {
  const { device } = placed;
  const place = { id: placed.name, bus: 'pci.0', addr: `0x${placed.slot.toString(16)}` };
  switch (device.kind) {
    case 'disk':
      return {
        driver: 'virtio-blk-pci',
        ...place,
        drive: blockNodeOf(placed),
        ...(device.serial === undefined ? {} : { serial: device.serial }),
      };
    case 'net':
      return netProperties(placed, device, place);
    case 'fs':
      return {
        driver: 'vhost-user-fs-pci',
        ...place,
        chardev: chardevOf(placed),
        tag: device.tag,
        'queue-size': device.queueSize,
        'num-request-queues': device.queues,
      };
    case 'vfio':
      return { driver: 'vfio-pci', ...place, sysfsdev: device.path };
    case 'vsock':
      return { driver: 'vhost-user-vsock-pci', ...place, chardev: chardevOf(placed) };
    case 'rng':
      return { driver: 'virtio-rng-pci', ...place };
    case 'console':
      return { driver: 'virtio-serial-pci', ...place };
  }
}

function netProperties(placed: PlacedDevice, device: NetDevice, place: Properties): Properties {
  const queues = device.tap.is === 'descriptors' ? device.tap.fds.length : 1;
  return {
    driver: 'virtio-net-pci',
    ...place,
    netdev: netBackendOf(placed),
    // Nobody boots from the network, and loading the option ROM takes time.
    romfile: '',
    ...(device.mac === undefined ? {} : { mac: device.mac }),
    // An interrupt for each direction of each queue, one for the control queue and one for the configuration.
    ...(queues > 1 ? { mq: true, vectors: 2 * queues + 2 } : {}),
  };
}

/**
 * The tap behind a network card.
 * @param descriptor name of a descriptor as QEMU knows it, for each of those that the card has: a number on the command
 *   line, a name that `getfd` gave while it runs.
 */
export function netBackend(placed: PlacedDevice, { tap }: NetDevice, descriptor: (fd: number) => string): Properties {
  const backend = { type: 'tap', id: netBackendOf(placed) };
  // Without queues=: the tap has one, and asking for more fails with EINVAL. QEMU sees by itself that it has vnet_hdr.
  if (tap.is === 'name') return { ...backend, ifname: tap.name, script: 'no', downscript: 'no' };
  const names = tap.fds.map(descriptor);
  return names.length === 1 ? { ...backend, fd: names.join('') } : { ...backend, fds: names.join(':') };
}

/** The block node behind a disk, as `blockdev-add` and `-blockdev` take it. */
export function blockNode(placed: PlacedDevice, disk: DiskDevice, isBlockDevice: boolean): object {
  return {
    // The format is given, never guessed: a guest that writes another format's header must not choose its backing file.
    driver: 'raw',
    'node-name': blockNodeOf(placed),
    'read-only': disk.readOnly,
    cache: { direct: disk.direct },
    discard: 'unmap',
    file: { driver: isBlockDevice ? 'host_device' : 'file', filename: disk.path },
  };
}

/** An option of the command line: the value of `first`, then the rest as `name=value`. */
export function asOption(first: string, properties: Properties): string {
  const { [first]: head = '', ...rest } = properties;
  return [escapeValue(String(head)), ...Object.entries(rest).map(([name, value]) => `${name}=${textOf(value)}`)].join(
    ',',
  );
}

function textOf(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return escapeValue(String(value));
}
