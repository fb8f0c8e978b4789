/** The guest's memory as QEMU shares it: regions mapped into this process, and the two ways to address them. */
import { mapShared, type SharedMapping } from '../../linux/memory.ts';
import { KataError } from '../../wire/error.ts';
import { MEMORY_REGIONS_MAX } from './limits.ts';

/** Where a region is (vhost-user, "Memory region description"). Numbers are below 2^53. */
export interface RegionPlace {
  /** Physical address in the guest. */
  readonly guestAddress: number;
  /** Bytes. */
  readonly size: number;
  /** Address in QEMU's own process; ring addresses are given in this form. */
  readonly userAddress: number;
  /** Where in the file the region starts (bytes). */
  readonly fileOffset: number;
}

/** A region and the file that holds it; the file stays the giver's. */
export interface RegionFile {
  readonly place: RegionPlace;
  readonly fd: number;
}

interface Region {
  readonly place: RegionPlace;
  readonly mapping: SharedMapping;
  readonly bytes: Uint8Array;
}

/** A piece of guest memory: `length` bytes of `bytes` from `offset`. Bounds are checked when it is made. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

function describe(place: RegionPlace): string {
  return `region 0x${place.guestAddress.toString(16)}+0x${place.size.toString(16)}`;
}

function mapRegion({ place, fd }: RegionFile): Region {
  const numbers = [place.guestAddress + place.size, place.userAddress + place.size];
  if (place.size === 0 || !numbers.every(Number.isSafeInteger)) {
    throw new KataError('ERR_INVALID_ARGUMENT', `${describe(place)} is empty or out of range`);
  }
  const mapping = mapShared(fd, place.fileOffset, place.size);
  return { place, mapping, bytes: new Uint8Array(mapping.buffer) };
}

function overlaps(a: RegionPlace, b: RegionPlace): boolean {
  return a.guestAddress < b.guestAddress + b.size && b.guestAddress < a.guestAddress + a.size;
}

/** The mapped regions. Nothing outside of them is ever touched; what is handed out dies with its region. */
export class GuestMemory {
  #regions: Region[] = [];

  /** Replaces all regions; where one cannot be mapped, the old ones stay. @throws KataError naming the region. */
  replace(files: readonly RegionFile[]): void {
    const before = this.#regions;
    this.#regions = [];
    try {
      for (const file of files) this.add(file);
    } catch (error) {
      this.clear();
      this.#regions = before;
      throw error;
    }
    for (const region of before) region.mapping.close();
  }

  /** Adds a region. @throws KataError where it overlaps another in the guest, or cannot be mapped. */
  add(file: RegionFile): void {
    if (this.#regions.length >= MEMORY_REGIONS_MAX) {
      throw new KataError('ERR_RESOURCE_EXHAUSTED', `more than ${MEMORY_REGIONS_MAX} memory regions`);
    }
    if (this.#regions.some(({ place }) => overlaps(place, file.place))) {
      throw new KataError('ERR_INVALID_ARGUMENT', `${describe(file.place)} overlaps another`);
    }
    this.#regions.push(mapRegion(file));
  }

  /** Removes the region with this guest address, size and user address. @throws KataError ERR_NOT_FOUND. */
  remove(place: RegionPlace): void {
    const index = this.#regions.findIndex(
      (region) =>
        region.place.guestAddress === place.guestAddress &&
        region.place.size === place.size &&
        region.place.userAddress === place.userAddress,
    );
    const [removed] = index < 0 ? [] : this.#regions.splice(index, 1);
    if (removed === undefined) throw new KataError('ERR_NOT_FOUND', `${describe(place)} is not mapped`);
    removed.mapping.close();
  }

  /** Unmaps everything. */
  clear(): void {
    for (const region of this.#regions) region.mapping.close();
    this.#regions = [];
  }

  /**
   * Appends the pieces that guest addresses `[address, address + length)` consist of: several only where regions
   * adjoin. @throws KataError ERR_PROTOCOL where a byte of it is in no region.
   */
  guestSpans(address: number, length: number, spans: Span[]): void {
    let at = address;
    let left = length;
    while (left > 0) {
      const region = this.#regions.find(
        ({ place }) => at >= place.guestAddress && at - place.guestAddress < place.size,
      );
      if (region === undefined) throw outside('guest', address, length);
      const offset = at - region.place.guestAddress;
      const part = Math.min(left, region.place.size - offset);
      spans.push({ bytes: region.bytes, offset, length: part });
      at += part;
      left -= part;
    }
  }

  /** Sees guest addresses that must lie in one region, such as a table. @throws KataError ERR_PROTOCOL. */
  guestView(address: number, length: number): DataView {
    return this.#view('guest', address, length, (place) => place.guestAddress);
  }

  /** Sees addresses of QEMU's process that must lie in one region. @throws KataError ERR_PROTOCOL. */
  userView(address: number, length: number): DataView {
    return this.#view('user', address, length, (place) => place.userAddress);
  }

  #view(kind: string, address: number, length: number, startOf: (place: RegionPlace) => number): DataView {
    for (const { place, mapping } of this.#regions) {
      const offset = address - startOf(place);
      if (offset >= 0 && length <= place.size - offset) return new DataView(mapping.buffer, offset, length);
    }
    throw outside(kind, address, length);
  }
}

function outside(kind: string, address: number, length: number): KataError {
  return new KataError('ERR_PROTOCOL', `${kind} address 0x${address.toString(16)}+${length} is outside guest memory`);
}
