/** Addresses of SCSI disks: target and logical unit, on whichever adapter has them. */
import { KataError } from '../../wire/error.ts';
import { namesIn } from './pci-path.ts';

/** A disk of a bus; all of them are on channel 0. */
export interface ScsiAddress {
  readonly id: number;
  readonly lun: number;
}

/** A bus of virtio-scsi has that many targets, and a target that many units (virtio specification, 5.6.4). */
const TARGETS = 256;
const UNITS = 16_384;

/** Parses `id:lun`. @throws KataError (INTERNAL on the wire) naming the text. */
export function parseScsiAddress(text: string): ScsiAddress {
  const [, id = '', lun = ''] = /^([0-9]{1,5}):([0-9]{1,5})$/.exec(text) ?? [];
  const address = { id: Number(id), lun: Number(lun) };
  if (id === '' || address.id >= TARGETS || address.lun >= UNITS) {
    throw new KataError('ERR_INTERNAL', `${JSON.stringify(text)} is no SCSI address of the form id:lun`);
  }
  return address;
}

/** Directories in sysfs of the devices at that address, of any adapter. */
export function scsiDirectories(sys: string, { id, lun }: ScsiAddress): readonly string[] {
  const devices = `${sys}/bus/scsi/devices`;
  const end = `:0:${id}:${lun}`;
  return namesIn(devices)
    .filter((name) => /^[0-9]+:/.test(name) && name.slice(name.indexOf(':')) === end)
    .map((name) => `${devices}/${name}`);
}
