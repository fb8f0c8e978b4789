/** Addresses of PCI devices by the slots that lead to them, which do not depend on how the guest numbers its buses. */
import { readdirSync } from 'node:fs';
import { hasErrno, KataError } from '../../wire/error.ts';

/** One step of the way: slot and function on a bus. */
interface PciSlot {
  readonly slot: number;
  readonly fn: number;
}

/** A way from a root bus to a device. */
export interface PciPath {
  /** As the guest numbers its root buses; 0 but for devices behind an expander bridge. */
  readonly rootBus: number;
  /** Bridges, and last the device. */
  readonly slots: readonly PciSlot[];
}

const HEX = 16;
/** A PCI bus has 32 slots: a larger first number is that of another root bus. */
const SLOTS = 0x20;
/** Another root bus has at least a port and a device behind it. */
const EXPANDED_PARTS = 3;
const PART = /^([0-9a-f]{1,2})(?:\.([0-7]))?$/i;
const BUS = /^[0-9a-f]{4,}:[0-9a-f]{2}$/i;
const DEVICE = /^([0-9a-f]{4,}:[0-9a-f]{2}):[0-9a-f]{2}\.[0-7]$/i;

/**
 * Parses `02`, `02/03` or `02/03.1`: hexadecimal slots, each with a function where that is not 0. Of three and more, the
 * first may be a root bus (0x20 and above).
 * @returns undefined for anything else.
 */
export function parsePciPath(text: string): PciPath | undefined {
  const slots: PciSlot[] = [];
  for (const part of text.split('/')) {
    const [, slot = '', fn = '0'] = PART.exec(part) ?? [];
    if (slot === '') return undefined;
    slots.push({ slot: Number.parseInt(slot, HEX), fn: Number(fn) });
  }
  const [first] = slots;
  const expanded = slots.length >= EXPANDED_PARTS && first !== undefined && first.slot >= SLOTS && first.fn === 0;
  const path = expanded ? { rootBus: first.slot, slots: slots.slice(1) } : { rootBus: 0, slots };
  return path.slots.every(({ slot }) => slot < SLOTS) ? path : undefined;
}

function hex(value: number): string {
  return value.toString(HEX).padStart(2, '0');
}

/** Names in a directory of sysfs; none where it is not there (any more). */
export function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ENODEV')) return [];
    throw error;
  }
}

/** Without ACPI, as on arm64, the root bus belongs to a platform device. */
function rootDirectory(sys: string, rootBus: number): string | undefined {
  const name = `pci0000:${hex(rootBus)}`;
  const devices = `${sys}/devices`;
  if (namesIn(devices).includes(name)) return `${devices}/${name}`;
  const [controller] = namesIn(`${devices}/platform`).filter((entry) => entry.endsWith('.pcie'));
  return controller === undefined ? undefined : `${devices}/platform/${controller}/${name}`;
}

/** The bus behind a bridge; undefined where there is none (yet). */
function busBehind(bridge: string): string | undefined {
  const [bus] = namesIn(`${bridge}/pci_bus`).filter((name) => BUS.test(name));
  if (bus !== undefined) return bus;
  for (const name of namesIn(bridge)) {
    const [, behind] = DEVICE.exec(name) ?? [];
    if (behind !== undefined) return behind;
  }
  return undefined;
}

/**
 * The device's directory in sysfs, whether it is there or not.
 * @param sys where sysfs is mounted.
 * @returns undefined where one of the bridges on the way is not there.
 */
export function pciDirectory(sys: string, { rootBus, slots }: PciPath): string | undefined {
  let directory = rootDirectory(sys, rootBus);
  let bus: string | undefined = `0000:${hex(rootBus)}`;
  for (const [index, { slot, fn }] of slots.entries()) {
    if (index > 0 && directory !== undefined) bus = busBehind(directory);
    if (directory === undefined || bus === undefined) return undefined;
    directory = `${directory}/${bus}:${hex(slot)}.${fn}`;
  }
  return directory;
}

/** As {@link parsePciPath}. @throws KataError (INTERNAL on the wire) naming the text. */
export function checkedPciPath(text: string): PciPath {
  const path = parsePciPath(text);
  if (path === undefined) throw new KataError('ERR_INTERNAL', `${JSON.stringify(text)} is no PCI path`);
  return path;
}
