/** Devices of a container request: what the host plugged in for it, under the guest's own numbers. */
import Long from 'long';
import { KataError } from '../../wire/error.ts';
import { grpc } from '../../wire/generated/proto.js';
import type { BlockDevice, BlockDevices } from '../device/block-devices.ts';
import { badField } from './oci-spec/bad-field.ts';

/** A device and where the container finds it. */
export interface GuestDevice {
  readonly containerPath: string;
  readonly device: BlockDevice;
}

type Find = (disks: BlockDevices, device: grpc.Device) => BlockDevice | Promise<BlockDevice>;

const FINDERS: Readonly<Record<string, Find>> = {
  // What the host calls the device says nothing in the guest: the path is the address.
  blk: (disks, { id, vm_path: node }) => (id === '' ? disks.byNode(node) : disks.byPciPath(id)),
  scsi: (disks, { id }) => disks.byScsiAddress(id),
  mmioblk: (disks, { vm_path: node }) => disks.byNode(node),
  nvdimm: (disks, { vm_path: node }) => disks.present(node),
};

const NOT_BUILT: ReadonlySet<string> = new Set(['blk-ccw', 'vfio-pci', 'vfio-pci-gk', 'vfio-ap', 'vfio-ap-cold']);

/** Types of devices that a request may have, and those that Kata knows and we refuse by name. */
export const DEVICE_TYPES = { served: Object.keys(FINDERS), refused: [...NOT_BUILT] } as const;

/**
 * Checks devices: a container that is promised one and runs without it would fail in odd ways later.
 * @throws KataError (INTERNAL on the wire) for one that is wrong, or that the specification does not have;
 *   ERR_UNIMPLEMENTED for a type that is not built.
 */
export function checkDevices(devices: readonly grpc.Device[], spec: grpc.Spec): void {
  const paths = new Set<string>();
  for (const { type, id, vm_path: vmPath, container_path: path } of devices) {
    if (type === '') throw badField('devices.type', type, 'is empty');
    if (!Object.hasOwn(FINDERS, type) && !NOT_BUILT.has(type))
      throw badField('devices.type', type, 'is no type of device');
    if (id === '' && vmPath === '') throw badField('devices.id', '', 'and vm_path are both empty');
    if (path === '') throw badField('devices.container_path', '', 'is empty');
    if (NOT_BUILT.has(type)) throw new KataError('ERR_UNIMPLEMENTED', `devices of type ${type} are not supported`);
    if (paths.has(path)) throw badField('devices.container_path', path, 'is there twice');
    if (!spec.Linux?.Devices.some(({ Path }) => Path === path)) {
      throw badField('devices.container_path', path, 'is not in Linux.Devices: Missing devices in OCI spec');
    }
    paths.add(path);
  }
}

/**
 * Waits for devices that were checked.
 * @throws KataError (INTERNAL on the wire) of the first that does not come in time.
 */
export async function findDevices(
  devices: readonly grpc.Device[],
  disks: BlockDevices,
): Promise<readonly GuestDevice[]> {
  const found: GuestDevice[] = [];
  for (const device of devices) {
    const find = FINDERS[device.type];
    if (find === undefined) continue;
    found.push({ containerPath: device.container_path, device: await find(disks, device) });
  }
  return found;
}

/** Kind and numbers of a device, as a node and a rule of access have them. */
function numbersOf({ Type: type, Major: major, Minor: minor }: NumberedDevice): string {
  return `${type} ${major}:${minor}`;
}

/**
 * The specification with the guest's numbers in place of the host's: in the nodes, and in the rules for the same numbers.
 * All are replaced at once: the host's number of one may be the guest's of another.
 */
export function withGuestDevices(spec: grpc.Spec, found: readonly GuestDevice[]): grpc.Spec {
  // A copy by way of the wire: fields that are not set are not a message's own, and would be lost otherwise.
  const copy = grpc.Spec.decode(grpc.Spec.encode(spec).finish());
  const guest = new Map<string, BlockDevice>();
  for (const node of copy.Linux?.Devices ?? []) {
    const device = found.find(({ containerPath }) => containerPath === node.Path)?.device;
    if (device === undefined) continue;
    guest.set(numbersOf(node), device);
    renumber(node, device);
  }
  for (const rule of copy.Linux?.Resources?.Devices ?? []) {
    const device = guest.get(numbersOf(rule));
    if (device !== undefined) renumber(rule, device);
  }
  return copy;
}

function renumber(target: Pick<NumberedDevice, 'Major' | 'Minor'>, { major, minor }: BlockDevice): void {
  target.Major = Long.fromNumber(major);
  target.Minor = Long.fromNumber(minor);
}

type NumberedDevice = Pick<grpc.LinuxDevice, 'Type' | 'Major' | 'Minor'>;
