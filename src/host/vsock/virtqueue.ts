/**
 * The device's side of a split virtqueue (virtio 1.2, 2.7). The driver in the guest is not trusted: every index, address
 * and length is read once, checked, and refused with ERR_PROTOCOL where it makes no sense; the queue is then of no use
 * until it is set up anew.
 */
import { KataError } from '../../wire/error.ts';
import type { GuestMemory, Span } from './guest-memory.ts';
import { CHAIN_BYTES_MAX, QUEUE_SIZE_MAX } from './limits.ts';

// struct virtq_desc: le64 addr, le32 len, le16 flags, le16 next (2.7.5).
const DESCRIPTOR_BYTES = 16;
const DESC_F_NEXT = 1;
const DESC_F_WRITE = 2;
const DESC_F_INDIRECT = 4;
// struct virtq_avail: le16 flags, le16 idx, le16 ring[], le16 used_event (2.7.6).
const AVAIL_F_NO_INTERRUPT = 1;
// struct virtq_used: le16 flags, le16 idx, {le32 id, le32 len} ring[], le16 avail_event (2.7.8).
const USED_F_NO_NOTIFY = 1;
const FLAGS_AT = 0;
const INDEX_AT = 2;
const RING_AT = 4;
const USED_ELEMENT_BYTES = 8;

/** Addresses above this cannot be a number exactly; no machine has such memory. */
const ADDRESS_HIGH_MAX = 0x1fffff;

/** Where a queue is, in addresses of QEMU's process, and what the driver agreed to. */
export interface QueueLayout {
  /** Entries, a power of two. */
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  /** VIRTIO_F_INDIRECT_DESC was negotiated. */
  readonly indirect: boolean;
  /** VIRTIO_F_EVENT_IDX was negotiated. */
  readonly eventIndex: boolean;
  /** Who writes into the buffers: a queue has only one direction here. */
  readonly writer: 'device' | 'driver';
}

/** A buffer that the driver made available. */
export interface Chain {
  /** Index of its first descriptor, by which it is given back. */
  readonly head: number;
  readonly spans: readonly Span[];
  /** Bytes in all spans. */
  readonly length: number;
}

const fenceCell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Keeps loads after it from being done before the stores before it. Stores among themselves, and loads among
 * themselves, are ordered on x86 without it, but a store may still be on its way when a later load is done: both sides
 * could then miss each other's last word and sleep. A read-modify-write of JavaScript's Atomics is a locked instruction,
 * which is a full fence for all memory, so any cell does.
 */
function fence(): void {
  Atomics.add(fenceCell, 0, 0);
}

function refuse(message: string): KataError {
  return new KataError('ERR_PROTOCOL', `virtqueue: ${message}`);
}

function u16(value: number): number {
  return value & 0xffff;
}

interface Rings {
  readonly descriptors: DataView;
  readonly available: DataView;
  readonly used: DataView;
}

function findRings(memory: GuestMemory, { size, descriptors, available, used }: QueueLayout): Rings {
  return {
    descriptors: memory.userView(descriptors, size * DESCRIPTOR_BYTES),
    // The two bytes after each of these hold the event index.
    available: memory.userView(available, RING_AT + size * 2 + 2),
    used: memory.userView(used, RING_AT + size * USED_ELEMENT_BYTES + 2),
  };
}

/** A queue that runs. Methods throw KataError ERR_PROTOCOL where the driver broke the rules. */
export class Virtqueue {
  readonly #layout: QueueLayout;
  readonly #memory: GuestMemory;
  #rings: Rings;
  #nextAvailable: number;
  #usedIndex: number;
  #signalledIndex: number;

  /**
   * @param nextAvailable index from which the driver's entries are still to be served (SET_VRING_BASE).
   * @throws KataError where size, alignment or addresses are wrong.
   */
  constructor(memory: GuestMemory, layout: QueueLayout, nextAvailable: number) {
    const { size } = layout;
    if (size < 1 || size > QUEUE_SIZE_MAX || (size & (size - 1)) !== 0) throw refuse(`size ${size}`);
    if (layout.descriptors % 16 !== 0 || layout.available % 2 !== 0 || layout.used % 4 !== 0) {
      throw refuse('a ring is not aligned');
    }
    this.#layout = layout;
    this.#memory = memory;
    this.#rings = findRings(memory, layout);
    this.#nextAvailable = u16(nextAvailable);
    this.#usedIndex = this.#rings.used.getUint16(INDEX_AT, true);
    this.#signalledIndex = this.#usedIndex;
  }

  /** Finds the rings again after the memory regions have changed. @throws KataError where they are gone. */
  remap(): void {
    this.#rings = findRings(this.#memory, this.#layout);
  }

  /** Index of the next entry to be served, as GET_VRING_BASE answers it. */
  get nextAvailable(): number {
    return this.#nextAvailable;
  }

  /** The next buffer, or undefined where the driver has made none available. It stays the next one until complete(). */
  next(): Chain | undefined {
    const { size } = this.#layout;
    const waiting = u16(this.#rings.available.getUint16(INDEX_AT, true) - this.#nextAvailable);
    if (waiting === 0) return undefined;
    if (waiting > size) throw refuse(`${waiting} entries are available in a queue of ${size}`);
    const head = this.#rings.available.getUint16(RING_AT + (this.#nextAvailable & (size - 1)) * 2, true);
    return this.#walk(head);
  }

  /** Gives the buffer from next() back. @param written bytes that we put into it. */
  complete(chain: Chain, written: number): void {
    const at = RING_AT + (this.#usedIndex & (this.#layout.size - 1)) * USED_ELEMENT_BYTES;
    this.#rings.used.setUint32(at, chain.head, true);
    this.#rings.used.setUint32(at + 4, written, true);
    this.#usedIndex = u16(this.#usedIndex + 1);
    this.#rings.used.setUint16(INDEX_AT, this.#usedIndex, true);
    this.#nextAvailable = u16(this.#nextAvailable + 1);
  }

  /** Asks the driver not to kick: we look by ourselves for now. It may kick nevertheless. */
  suppressKicks(): void {
    // With the event index an index that the driver has passed already does the same, and next() leaves it behind.
    if (!this.#layout.eventIndex) this.#rings.used.setUint16(FLAGS_AT, USED_F_NO_NOTIFY, true);
  }

  /** Asks the driver to kick when it adds a buffer. @returns true where it did so meanwhile: look again. */
  requestKick(): boolean {
    const { size, eventIndex } = this.#layout;
    if (eventIndex) this.#rings.used.setUint16(RING_AT + size * USED_ELEMENT_BYTES, this.#nextAvailable, true);
    else this.#rings.used.setUint16(FLAGS_AT, 0, true);
    fence();
    return this.#rings.available.getUint16(INDEX_AT, true) !== this.#nextAvailable;
  }

  /** True where the driver wants to be interrupted for what was completed since the last call (2.7.7.2). */
  shouldInterrupt(): boolean {
    const before = this.#signalledIndex;
    this.#signalledIndex = this.#usedIndex;
    if (before === this.#usedIndex) return false;
    fence();
    if (!this.#layout.eventIndex) {
      return (this.#rings.available.getUint16(FLAGS_AT, true) & AVAIL_F_NO_INTERRUPT) === 0;
    }
    const usedEvent = this.#rings.available.getUint16(RING_AT + this.#layout.size * 2, true);
    return u16(this.#usedIndex - usedEvent - 1) < u16(this.#usedIndex - before);
  }

  #walk(head: number): Chain {
    const spans: Span[] = [];
    let table = this.#rings.descriptors;
    let entries = this.#layout.size;
    let index = head;
    let length = 0;
    let isIndirect = false;
    // A chain has no more descriptors than the queue has entries (2.7.5.3.1), so a loop ends here.
    for (let count = 0; count <= this.#layout.size; count += 1) {
      if (index >= entries) throw refuse(`descriptor ${index} of ${entries}`);
      const at = index * DESCRIPTOR_BYTES;
      const address = this.#addressAt(table, at);
      const bytes = table.getUint32(at + 8, true);
      const flags = table.getUint16(at + 12, true);
      const next = table.getUint16(at + 14, true);
      if ((flags & DESC_F_INDIRECT) !== 0) {
        if (!this.#layout.indirect || isIndirect) throw refuse('an indirect table where none may be');
        if ((flags & DESC_F_NEXT) !== 0) throw refuse('an indirect table in the middle of a chain');
        entries = bytes / DESCRIPTOR_BYTES;
        if (!Number.isInteger(entries) || entries < 1 || entries > this.#layout.size) {
          throw refuse(`an indirect table of ${bytes} bytes`);
        }
        table = this.#memory.guestView(address, bytes);
        isIndirect = true;
        index = 0;
        continue;
      }
      const writer = (flags & DESC_F_WRITE) === 0 ? 'driver' : 'device';
      if (writer !== this.#layout.writer) throw refuse(`a buffer written by the ${writer}`);
      length += bytes;
      if (bytes === 0 || length > CHAIN_BYTES_MAX) throw refuse(`a buffer of ${bytes} bytes`);
      this.#memory.guestSpans(address, bytes, spans);
      if ((flags & DESC_F_NEXT) === 0) return { head, spans, length };
      index = next;
    }
    throw refuse('a chain without end');
  }

  #addressAt(table: DataView, at: number): number {
    const high = table.getUint32(at + 4, true);
    if (high > ADDRESS_HIGH_MAX) throw refuse('an address beyond any memory');
    return high * 0x100000000 + table.getUint32(at, true);
  }
}

/** Copies bytes out of a buffer. @param from first byte; `into.length` bytes from there must be inside the chain. */
export function copyFromChain(chain: Chain, from: number, into: Uint8Array): void {
  let skip = from;
  let done = 0;
  for (const { bytes, offset, length } of chain.spans) {
    const part = Math.min(length - skip, into.length - done);
    if (part > 0) {
      into.set(bytes.subarray(offset + skip, offset + skip + part), done);
      done += part;
    }
    skip = Math.max(0, skip - length);
  }
}

/** Copies `pieces`, one after the other, to the start of a buffer, which must have room for them. */
export function copyIntoChain(chain: Chain, pieces: readonly Uint8Array[]): void {
  let spanIndex = 0;
  let at = 0;
  for (const piece of pieces) {
    let done = 0;
    while (done < piece.length) {
      const span = chain.spans[spanIndex];
      if (span === undefined) throw new KataError('ERR_INTERNAL', 'a packet is larger than its buffer');
      const part = Math.min(span.length - at, piece.length - done);
      span.bytes.set(piece.subarray(done, done + part), span.offset + at);
      done += part;
      at += part;
      if (at === span.length) {
        spanIndex += 1;
        at = 0;
      }
    }
  }
}
