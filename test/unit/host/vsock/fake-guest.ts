/**
 * Plays QEMU and the guest's vsock driver for a device under test: a real Unix socket, a real memfd mapped by both sides,
 * real eventfds. It keeps to the rules of event suppression: it kicks only when the device asks for it, and looks at its
 * queues only when the device interrupts it, so a lost notification shows as a test that hangs.
 */
import { once } from 'node:events';
import { closeSync, ftruncateSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { Feature, ProtocolFeature, Request } from '../../../../src/host/vsock/vhost-user.ts';
import { check } from '../../../../src/linux/errno.ts';
import { createEventfd, drainEventfd, signalEventfd } from '../../../../src/linux/eventfd.ts';
import { duplicateFd, sendWithFds } from '../../../../src/linux/fdpass.ts';
import { libc } from '../../../../src/linux/ffi.ts';
import { mapShared, type SharedMapping } from '../../../../src/linux/memory.ts';
import { type ReadinessWatch, watchReadable } from '../../../../src/linux/readiness.ts';
import {
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  HOST_CID,
  type Op,
  type PacketHeader,
  TYPE_STREAM,
} from '../../../../src/wire/vsock/packet.ts';

// SAFETY: a name of our own as a C string; returns a new descriptor or -1.
const { memfd_create } = libc({ memfd_create: { arguments: ['string', 'uint32'], return: 'int32' } });

/** Context id of the fake guest. */
export const GUEST_CID = 3;
/** Entries of each queue. */
export const QUEUE_SIZE = 64;
const MEMORY_BYTES = 16 * 1024 * 1024;
/** Where the memory is in the guest, and in the process that the device takes for QEMU. */
export const GUEST_BASE = 0x100000;
const USER_BASE = 0x7f0000000000;

const DESC_F_NEXT = 1;
const DESC_F_WRITE = 2;
const DESC_F_INDIRECT = 4;
/** Bytes that each descriptor's own buffer has: the largest packet. */
const BUFFER_BYTES = 68 * 1024;
const RECEIVE = 0;
const TRANSMIT = 1;

/** Offsets of a queue's parts in the memory. */
export interface QueuePlace {
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  readonly indirect: number;
  readonly buffers: number;
}

/** Where queue 0 (receive) and 1 (transmit) are. */
export function placeOf(queue: number): QueuePlace {
  const start = queue * 0x10000;
  return {
    descriptors: start,
    available: start + 0x4000,
    used: start + 0x8000,
    indirect: start + 0xc000,
    buffers: 0x100000 + queue * QUEUE_SIZE * BUFFER_BYTES,
  };
}

/** What the guest got. */
export interface SeenPacket {
  readonly header: PacketHeader;
  readonly payload: Buffer;
}

export interface FakeGuestOptions {
  readonly eventIndex?: boolean;
  readonly indirect?: boolean;
  /** Lengths of the buffers that make up one receive chain; default the 44 + 4096 of Linux 6.1. */
  readonly receiveShape?: readonly number[];
  /** Gives no receive buffers until provide() is called. */
  readonly holdBuffers?: boolean;
}

/** How a packet lies in its chain. */
export interface SendShape {
  /** Lengths of its first pieces; the rest is the last one. Default: header, payload. */
  readonly split?: readonly number[];
  readonly indirect?: boolean;
}

interface Queue {
  readonly index: number;
  readonly place: QueuePlace;
  readonly kickFd: number;
  /** Ours for reading; the device has a copy. */
  readonly callFd: number;
  call: ReadinessWatch | undefined;
  free: number[];
  /** Descriptors of the chain that starts with the key. */
  readonly chains: Map<number, number[]>;
  availableIndex: number;
  seenUsed: number;
}

/** A driver and its QEMU; see the top of the file. */
export class FakeGuest {
  readonly memory: DataView;
  readonly packets: SeenPacket[] = [];
  readonly #socket: Socket;
  readonly #controlFd: number;
  readonly #memoryFd: number;
  readonly #mapping: SharedMapping;
  readonly #options: FakeGuestOptions;
  readonly #queues: readonly Queue[];
  #replies = Buffer.alloc(0);
  #wakers: (() => void)[] = [];
  /** False once the receive buffers are no longer given back. */
  #givesBuffers: boolean;

  /** Connects and starts both queues, as QEMU does when the driver is ready. */
  static async start(socketPath: string, options: FakeGuestOptions = {}): Promise<FakeGuest> {
    const guest = await FakeGuest.attach(socketPath, options);
    await guest.setUp();
    return guest;
  }

  /** Only connects. */
  static async attach(socketPath: string, options: FakeGuestOptions = {}): Promise<FakeGuest> {
    const socket = createConnection(socketPath);
    await once(socket, 'connect');
    return new FakeGuest(socket, options);
  }

  private constructor(socket: Socket, options: FakeGuestOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#givesBuffers = options.holdBuffers !== true;
    // Reason for the cast: `_handle` is a property of every net.Socket that the public types leave out.
    this.#controlFd = duplicateFd((socket as unknown as { _handle: { fd: number } })._handle.fd);
    socket.on('data', (chunk: Buffer) => {
      this.#replies = Buffer.concat([this.#replies, chunk]);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.#wake());
    this.#memoryFd = check('memfd_create', memfd_create('fake-guest', 0));
    ftruncateSync(this.#memoryFd, MEMORY_BYTES);
    this.#mapping = mapShared(this.#memoryFd, 0, MEMORY_BYTES);
    this.memory = new DataView(this.#mapping.buffer);
    this.#queues = [RECEIVE, TRANSMIT].map((index) => ({
      index,
      place: placeOf(index),
      kickFd: createEventfd(),
      callFd: createEventfd(),
      call: undefined,
      free: Array.from({ length: QUEUE_SIZE }, (_, slot) => slot),
      chains: new Map(),
      availableIndex: 0,
      seenUsed: 0,
    }));
    for (const queue of this.#queues) {
      queue.call = watchReadable(duplicateFd(queue.callFd), () => {
        drainEventfd(queue.callFd);
        this.#collect(queue);
      });
    }
  }

  /** The file of its memory; stays its own. */
  get memoryFd(): number {
    return this.#memoryFd;
  }

  /** True once the device has closed the control connection. */
  get isDisconnected(): boolean {
    return this.#socket.destroyed;
  }

  /** The whole dialogue of QEMU up to running queues. */
  async setUp(): Promise<void> {
    const features =
      Feature.VERSION_1 |
      Feature.VHOST_USER_PROTOCOL |
      (this.#options.eventIndex === true ? Feature.EVENT_IDX : 0n) |
      (this.#options.indirect === true ? Feature.INDIRECT_DESC : 0n);
    await this.ask(Request.GET_FEATURES);
    await this.ask(Request.GET_PROTOCOL_FEATURES);
    this.tell(Request.SET_PROTOCOL_FEATURES, u64(ProtocolFeature.REPLY_ACK | ProtocolFeature.CONFIG));
    await this.command(Request.SET_OWNER);
    await this.command(Request.SET_FEATURES, u64(features));
    await this.shareMemory();
    await this.startQueues();
  }

  /** Sends the memory table. */
  async shareMemory(): Promise<void> {
    const table = Buffer.alloc(40);
    table.writeUInt32LE(1, 0);
    regionBytes().copy(table, 8);
    await this.command(Request.SET_MEM_TABLE, table, [this.#memoryFd]);
  }

  /** Starts both queues from where they stand. */
  async startQueues(): Promise<void> {
    for (const queue of this.#queues) {
      const { index, place } = queue;
      await this.command(Request.SET_VRING_NUM, pair(index, QUEUE_SIZE));
      await this.command(Request.SET_VRING_BASE, pair(index, queue.seenUsed));
      const address = Buffer.alloc(40);
      address.writeUInt32LE(index, 0);
      address.writeBigUInt64LE(BigInt(USER_BASE + place.descriptors), 8);
      address.writeBigUInt64LE(BigInt(USER_BASE + place.used), 16);
      address.writeBigUInt64LE(BigInt(USER_BASE + place.available), 24);
      await this.command(Request.SET_VRING_ADDR, address);
      await this.command(Request.SET_VRING_CALL, u64(BigInt(index)), [queue.callFd]);
      await this.command(Request.SET_VRING_KICK, u64(BigInt(index)), [queue.kickFd]);
      await this.command(Request.SET_VRING_ENABLE, pair(index, 1));
    }
    if (this.#givesBuffers) this.provide(this.#receiveCapacity());
  }

  /** Stops both queues. @returns the base of each. */
  async stopQueues(): Promise<number[]> {
    const bases: number[] = [];
    for (const { index } of this.#queues) {
      const answer = await this.ask(Request.GET_VRING_BASE, pair(index, 0));
      bases.push(answer.readUInt32LE(4));
    }
    return bases;
  }

  /** A driver that starts anew: empty rings, zero indexes. */
  resetDriver(): void {
    for (const queue of this.#queues) {
      new Uint8Array(this.#mapping.buffer, queue.place.descriptors, 0x10000).fill(0);
      queue.free = Array.from({ length: QUEUE_SIZE }, (_, slot) => slot);
      queue.chains.clear();
      queue.availableIndex = 0;
      queue.seenUsed = 0;
    }
    this.packets.length = 0;
  }

  /** Sends a request that has no answer of its own. */
  tell(request: number, body: Buffer = Buffer.alloc(0), fds: readonly number[] = [], flags = 1): void {
    const header = Buffer.alloc(12);
    header.writeUInt32LE(request, 0);
    header.writeUInt32LE(flags, 4);
    header.writeUInt32LE(body.length, 8);
    sendWithFds(this.#controlFd, Buffer.concat([header, body]), fds);
  }

  /** Sends bytes that may be no message at all. */
  tellBytes(bytes: Buffer): void {
    sendWithFds(this.#controlFd, bytes);
  }

  /** Sends a request and waits for the body of its answer. */
  async ask(request: number, body?: Buffer, fds?: readonly number[], flags = 1): Promise<Buffer> {
    this.tell(request, body, fds, flags);
    await this.until(() => this.#replies.length >= 12 && this.#replies.length >= 12 + this.#replies.readUInt32LE(8));
    const end = 12 + this.#replies.readUInt32LE(8);
    if (this.#replies.readUInt32LE(0) !== request) throw new Error('an answer to another request');
    const answer = this.#replies.subarray(12, end);
    this.#replies = this.#replies.subarray(end);
    return answer;
  }

  /** Sends a request that needs an acknowledgement. @returns 0 where the device did it. */
  async acknowledge(request: number, body?: Buffer, fds?: readonly number[]): Promise<bigint> {
    return (await this.ask(request, body, fds, 1 | 8)).readBigUInt64LE(0);
  }

  /** Sends a request that must succeed. */
  async command(request: number, body?: Buffer, fds?: readonly number[]): Promise<void> {
    const code = await this.acknowledge(request, body, fds);
    if (code !== 0n) throw new Error(`request ${request} was refused`);
  }

  /** Gives the device `count` receive chains. */
  provide(count: number): void {
    const queue = this.#queue(RECEIVE);
    for (let left = count; left > 0; left -= 1) this.#post(queue, this.#receiveShape(), DESC_F_WRITE, false);
    this.#kick(queue);
  }

  /** From now on every receive chain that comes back is given to the device again, and the free ones at once. */
  giveBuffers(): void {
    this.#givesBuffers = true;
    this.provide(this.#receiveCapacity());
  }

  /** Sends a packet; the fields that are not given are those of an idle peer with a large buffer. */
  send(
    fields: Partial<PacketHeader> & { readonly op: (typeof Op)[keyof typeof Op] | number },
    payload: Uint8Array = Buffer.alloc(0),
    shape: SendShape = {},
  ): void {
    const header: PacketHeader = {
      srcCid: BigInt(GUEST_CID),
      dstCid: HOST_CID,
      srcPort: 0,
      dstPort: 0,
      length: payload.length,
      type: TYPE_STREAM,
      flags: 0,
      bufAlloc: 0x40000000,
      fwdCnt: 0,
      ...fields,
    };
    const packet = Buffer.alloc(HEADER_BYTES + payload.length);
    encodeHeader(header, packet);
    packet.set(payload, HEADER_BYTES);
    const queue = this.#queue(TRANSMIT);
    this.#collect(queue);
    let left = packet.length;
    const lengths: number[] = [];
    for (const length of shape.split ?? [HEADER_BYTES]) {
      lengths.push(Math.min(length, left));
      left -= Math.min(length, left);
    }
    if (left > 0) lengths.push(left);
    const slots = this.#post(queue, lengths, 0, shape.indirect === true);
    let at = 0;
    for (const [position, length] of lengths.entries()) {
      new Uint8Array(this.#mapping.buffer, this.#bufferOf(queue, slots, position), length).set(
        packet.subarray(at, at + length),
      );
      at += length;
    }
    this.#publish(queue);
    this.#kick(queue);
  }

  /** Waits until there is room for a few more packets in the transmit queue. */
  async room(): Promise<void> {
    await this.until(() => {
      const queue = this.#queue(TRANSMIT);
      this.#collect(queue);
      return queue.free.length >= QUEUE_SIZE / 2;
    });
  }

  /** Waits for the next packet that the guest has not looked at yet; where `op` is given, skips those with another one. */
  async next(op?: number): Promise<SeenPacket> {
    for (;;) {
      await this.until(() => this.packets.length > 0);
      const packet = this.packets.shift();
      if (packet !== undefined && (op === undefined || packet.header.op === op)) return packet;
    }
  }

  /** Waits until `condition` holds; looked at whenever something arrives. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakers.push(resolve);
      await promise;
    }
  }

  /** Kicks a queue whether or not the device asked for it. */
  kickAnyway(queue: number): void {
    signalEventfd(this.#queue(queue).kickFd);
  }

  /** QEMU dies. */
  async close(): Promise<void> {
    for (const queue of this.#queues) {
      queue.call?.close();
      closeSync(queue.kickFd);
      closeSync(queue.callFd);
    }
    closeSync(this.#controlFd);
    closeSync(this.#memoryFd);
    if (!this.#socket.closed) {
      this.#socket.destroy();
      await once(this.#socket, 'close');
    }
    this.#mapping.close();
  }

  #wake(): void {
    for (const waker of this.#wakers.splice(0)) waker();
  }

  #queue(index: number): Queue {
    const queue = this.#queues[index];
    if (queue === undefined) throw new Error(`no queue ${index}`);
    return queue;
  }

  #receiveShape(): readonly number[] {
    return this.#options.receiveShape ?? [HEADER_BYTES, 4096];
  }

  #receiveCapacity(): number {
    return Math.floor(this.#queue(RECEIVE).free.length / this.#receiveShape().length);
  }

  #bufferOf(queue: Queue, slots: readonly number[], position: number): number {
    return queue.place.buffers + (slots[position] ?? 0) * BUFFER_BYTES;
  }

  #writeDescriptor(at: number, address: number, length: number, flags: number, next: number): void {
    this.memory.setBigUint64(at, BigInt(address), true);
    this.memory.setUint32(at + 8, length, true);
    this.memory.setUint16(at + 12, flags, true);
    this.memory.setUint16(at + 14, next, true);
  }

  /** Writes a chain and puts its head into the ring, without telling the device. @returns its descriptors. */
  #post(queue: Queue, lengths: readonly number[], flag: number, indirect: boolean): number[] {
    const slots = queue.free.splice(0, lengths.length);
    const [head] = slots;
    if (head === undefined || slots.length < lengths.length) throw new Error('the fake guest has no descriptors left');
    const table = indirect ? queue.place.indirect + head * 128 : queue.place.descriptors;
    for (const [position, length] of lengths.entries()) {
      const isLast = position === lengths.length - 1;
      const index = indirect ? position : (slots[position] ?? 0);
      const next = isLast ? 0 : indirect ? position + 1 : (slots[position + 1] ?? 0);
      const address = GUEST_BASE + this.#bufferOf(queue, slots, position);
      this.#writeDescriptor(table + index * 16, address, length, flag | (isLast ? 0 : DESC_F_NEXT), next);
    }
    if (indirect) {
      const at = queue.place.descriptors + head * 16;
      this.#writeDescriptor(at, GUEST_BASE + table, lengths.length * 16, DESC_F_INDIRECT, 0);
    }
    queue.chains.set(head, slots);
    this.memory.setUint16(queue.place.available + 4 + (queue.availableIndex % QUEUE_SIZE) * 2, head, true);
    queue.availableIndex = (queue.availableIndex + 1) & 0xffff;
    if (queue.index === RECEIVE) this.#publish(queue);
    return slots;
  }

  #publish(queue: Queue): void {
    this.memory.setUint16(queue.place.available + 2, queue.availableIndex, true);
  }

  #kick(queue: Queue): void {
    // The other side runs in the same thread, so its words are all there.
    const { used } = queue.place;
    const wanted =
      this.#options.eventIndex === true
        ? ((queue.availableIndex - this.memory.getUint16(used + 4 + QUEUE_SIZE * 8, true) - 1) & 0xffff) < QUEUE_SIZE
        : (this.memory.getUint16(used, true) & 1) === 0;
    if (wanted) signalEventfd(queue.kickFd);
  }

  /** Takes back what the device has used. */
  #collect(queue: Queue): void {
    const { used, available } = queue.place;
    let returned = 0;
    while (queue.seenUsed !== this.memory.getUint16(used + 2, true)) {
      const at = used + 4 + (queue.seenUsed % QUEUE_SIZE) * 8;
      const head = this.memory.getUint32(at, true);
      const written = this.memory.getUint32(at + 4, true);
      queue.seenUsed = (queue.seenUsed + 1) & 0xffff;
      const slots = queue.chains.get(head) ?? [];
      queue.chains.delete(head);
      queue.free.push(...slots);
      if (queue.index === RECEIVE) this.#see(queue, slots, written);
      returned += 1;
    }
    if (this.#options.eventIndex === true) this.memory.setUint16(available + 4 + QUEUE_SIZE * 2, queue.seenUsed, true);
    if (returned === 0) return;
    if (queue.index === RECEIVE && this.#givesBuffers) this.provide(returned);
    this.#wake();
  }

  #see(queue: Queue, slots: readonly number[], written: number): void {
    const parts = this.#receiveShape().map((length, position) =>
      Buffer.from(new Uint8Array(this.#mapping.buffer, this.#bufferOf(queue, slots, position), length)),
    );
    const bytes = Buffer.concat(parts).subarray(0, written);
    this.packets.push({ header: decodeHeader(bytes), payload: bytes.subarray(HEADER_BYTES) });
  }
}

/** A u64 as a message's body. */
export function u64(value: bigint): Buffer {
  const body = Buffer.alloc(8);
  body.writeBigUInt64LE(value);
  return body;
}

/** An index and a number as a message's body. */
export function pair(index: number, value: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(index, 0);
  body.writeUInt32LE(value, 4);
  return body;
}

/** The fake guest's one region, as messages carry it. */
export function regionBytes(): Buffer {
  const region = Buffer.alloc(32);
  region.writeBigUInt64LE(BigInt(GUEST_BASE), 0);
  region.writeBigUInt64LE(BigInt(MEMORY_BYTES), 8);
  region.writeBigUInt64LE(BigInt(USER_BASE), 16);
  return region;
}
