/** The devices of a machine on its one PCI bus: who has which slot, and under which names they are known. */
import { KataError } from '../../wire/error.ts';
import type { DiskDevice, FsDevice, NetDevice, VfioDevice } from '../config/device-config.ts';

/** A device that takes a PCI slot. The last three are there once at most, and nobody asks for them by an id. */
export type Device = DiskDevice | NetDevice | FsDevice | VfioDevice | { readonly kind: 'vsock' | 'rng' | 'console' };

/** A device with its place. */
export interface PlacedDevice {
  /** By which requests mean it. */
  readonly id: string;
  /** By which QEMU knows it. */
  readonly name: string;
  /** 2 to 31. */
  readonly slot: number;
  readonly device: Device;
}

/** Slots 0 and 1 are the host bridge and the south bridge of QEMU's `pc` machine; a bus has 32. */
const FIRST_SLOT = 2;
const LAST_SLOT = 31;

/**
 * The slots of bus 0. The agent waits for a hot-plugged device below `/sys/devices/pci0000:00` at the one slot that the
 * answer names, so devices sit on the root bus itself, and each has its slot before QEMU hears of it.
 */
export class DeviceTable {
  readonly #devices = new Map<number, PlacedDevice>();

  /**
   * Gives a device the lowest free slot.
   * @throws KataError ERR_ALREADY_EXISTS for an id that is taken, ERR_RESOURCE_EXHAUSTED where the bus is full.
   */
  add(device: Device): PlacedDevice {
    let slot = FIRST_SLOT;
    while (this.#devices.has(slot)) slot += 1;
    if (slot > LAST_SLOT) throw new KataError('ERR_RESOURCE_EXHAUSTED', `all ${LAST_SLOT - 1} PCI slots are taken`);
    const id = ('id' in device ? device.id : undefined) ?? `_${device.kind}${slot}`;
    if (this.find(id) !== undefined) throw new KataError('ERR_ALREADY_EXISTS', `device ${id} exists already`);
    const placed = { id, name: `dev${slot}`, slot, device };
    this.#devices.set(slot, placed);
    return placed;
  }

  /** The device with this id. */
  find(id: string): PlacedDevice | undefined {
    return this.all().find((each) => each.id === id);
  }

  /** Frees a slot. */
  remove(device: PlacedDevice): void {
    this.#devices.delete(device.slot);
  }

  /** All of them, in the order in which they came. */
  all(): PlacedDevice[] {
    return [...this.#devices.values()];
  }
}

/** A device's address on the bus, as the agent's clients write it: `0000:00:05.0`. */
export function pciAddress({ slot }: PlacedDevice): string {
  return `0000:00:${slot.toString(16).padStart(2, '0')}.0`;
}
