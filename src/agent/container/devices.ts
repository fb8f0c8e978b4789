/** Devices of a container request. Their kinds are known, but none is built yet. */

import { KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import { badField } from './oci-spec/bad-field.ts';

const KNOWN_TYPES: ReadonlySet<string> = new Set([
  'blk',
  'mmioblk',
  'nvdimm',
  'scsi',
  'blk-ccw',
  'vfio-pci',
  'vfio-pci-gk',
  'vfio-ap',
  'vfio-ap-cold',
]);

/**
 * Refuses devices: a container that is promised one and runs without it would fail in odd ways later.
 * @throws KataError (INTERNAL on the wire) for one that is wrong; ERR_UNIMPLEMENTED for any other.
 */
export function refuseDevices(devices: readonly grpc.Device[]): void {
  for (const device of devices) {
    if (!KNOWN_TYPES.has(device.type)) throw badField('devices.type', device.type, 'is no type of device');
    if (device.id === '' && device.vm_path === '') throw badField('devices.id', '', 'and vm_path are both empty');
    if (device.container_path === '') throw badField('devices.container_path', '', 'is empty');
    throw new KataError('ERR_UNIMPLEMENTED', `devices of type ${device.type} are not supported`);
  }
}
