/**
 * The messages between QEMU and a device in another process (QEMU docs/interop/vhost-user.rst): names, layouts and
 * limits, no I/O. Everything is in the machine's byte order, which is little-endian on all that we run on.
 */
import { KataError } from '../../wire/error.ts';
import type { RegionPlace } from './guest-memory.ts';
import { MESSAGE_BODY_MAX_BYTES } from './limits.ts';

/** Bytes of a message's header: request, flags and size of the body, each a u32. */
export const MESSAGE_HEADER_BYTES = 12;

/** Requests that we know ("Front-end message types"). */
export const Request = {
  GET_FEATURES: 1,
  SET_FEATURES: 2,
  SET_OWNER: 3,
  RESET_OWNER: 4,
  SET_MEM_TABLE: 5,
  SET_VRING_NUM: 8,
  SET_VRING_ADDR: 9,
  SET_VRING_BASE: 10,
  GET_VRING_BASE: 11,
  SET_VRING_KICK: 12,
  SET_VRING_CALL: 13,
  SET_VRING_ERR: 14,
  GET_PROTOCOL_FEATURES: 15,
  SET_PROTOCOL_FEATURES: 16,
  GET_QUEUE_NUM: 17,
  SET_VRING_ENABLE: 18,
  GET_CONFIG: 24,
  SET_CONFIG: 25,
  RESET_DEVICE: 34,
  GET_MAX_MEM_SLOTS: 36,
  ADD_MEM_REG: 37,
  REM_MEM_REG: 38,
} as const;

/** Virtio feature bits (virtio 1.2, 6) and the one of vhost-user. */
export const Feature = {
  INDIRECT_DESC: 1n << 28n,
  EVENT_IDX: 1n << 29n,
  VHOST_USER_PROTOCOL: 1n << 30n,
  VERSION_1: 1n << 32n,
} as const;

/** Feature bits of the vhost-user protocol itself. */
export const ProtocolFeature = {
  MQ: 1n << 0n,
  REPLY_ACK: 1n << 3n,
  CONFIG: 1n << 9n,
  RESET_DEVICE: 1n << 13n,
  CONFIGURE_MEM_SLOTS: 1n << 15n,
} as const;

// Flags of the header.
const VERSION_MASK = 3;
const VERSION = 1;
const FLAG_REPLY = 4;
const FLAG_NEED_REPLY = 8;

/** Bit of SET_VRING_KICK, _CALL and _ERR that says that no descriptor comes with it. */
const VRING_NO_FD = 1n << 8n;
const VRING_INDEX_MASK = 0xffn;

const REGION_BYTES = 32;
const CONFIG_HEADER_BYTES = 12;

/** A message's header. */
export interface MessageHeader {
  readonly request: number;
  /** QEMU waits for an answer even where the request itself has none. */
  readonly needReply: boolean;
  /** Bytes of the body. */
  readonly size: number;
}

function refuse(message: string): KataError {
  return new KataError('ERR_PROTOCOL', `vhost-user: ${message}`);
}

/** Reads a header. @throws KataError ERR_PROTOCOL for another version, or a body above the limit. */
export function decodeMessageHeader(bytes: Buffer): MessageHeader {
  const request = bytes.readUInt32LE(0);
  const flags = bytes.readUInt32LE(4);
  const size = bytes.readUInt32LE(8);
  if ((flags & VERSION_MASK) !== VERSION) throw refuse(`version of flags 0x${flags.toString(16)} is not ${VERSION}`);
  if (size > MESSAGE_BODY_MAX_BYTES) throw refuse(`a body of ${size} bytes in request ${request}`);
  return { request, needReply: (flags & FLAG_NEED_REPLY) !== 0, size };
}

/** Makes the answer to `request`. */
export function encodeReply(request: number, body: Uint8Array): Buffer {
  const header = Buffer.alloc(MESSAGE_HEADER_BYTES);
  header.writeUInt32LE(request, 0);
  header.writeUInt32LE(VERSION | FLAG_REPLY, 4);
  header.writeUInt32LE(body.length, 8);
  return Buffer.concat([header, body]);
}

/** A body that is one u64. */
export function encodeU64(value: bigint): Buffer {
  const body = Buffer.alloc(8);
  body.writeBigUInt64LE(value);
  return body;
}

function need(body: Buffer, bytes: number): void {
  if (body.length < bytes) throw refuse(`a body of ${body.length} bytes where ${bytes} are needed`);
}

/** Reads a body that is one u64. @throws KataError ERR_PROTOCOL where it is shorter. */
export function decodeU64(body: Buffer): bigint {
  need(body, 8);
  return body.readBigUInt64LE(0);
}

/** "A vring state description": an index and a number. */
export interface VringState {
  readonly index: number;
  readonly value: number;
}

/** Reads a vring state. @throws KataError ERR_PROTOCOL where it is shorter. */
export function decodeVringState(body: Buffer): VringState {
  need(body, 8);
  return { index: body.readUInt32LE(0), value: body.readUInt32LE(4) };
}

/** Writes a vring state. */
export function encodeVringState({ index, value }: VringState): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(index, 0);
  body.writeUInt32LE(value, 4);
  return body;
}

function address(body: Buffer, at: number): number {
  const value = body.readBigUInt64LE(at);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse(`address 0x${value.toString(16)}`);
  return Number(value);
}

/** "A vring address description", without the log that we do not keep. */
export interface VringAddress {
  readonly index: number;
  readonly descriptors: number;
  readonly used: number;
  readonly available: number;
}

/** Reads a vring address. @throws KataError ERR_PROTOCOL where it is shorter, or no address. */
export function decodeVringAddress(body: Buffer): VringAddress {
  need(body, 40);
  return {
    index: body.readUInt32LE(0),
    descriptors: address(body, 8),
    used: address(body, 16),
    available: address(body, 24),
  };
}

/** Reads the body of SET_VRING_KICK, _CALL and _ERR: which ring, and whether a descriptor comes with it. */
export function decodeVringFd(body: Buffer): { readonly index: number; readonly hasFd: boolean } {
  const value = decodeU64(body);
  return { index: Number(value & VRING_INDEX_MASK), hasFd: (value & VRING_NO_FD) === 0n };
}

function regionAt(body: Buffer, at: number): RegionPlace {
  need(body, at + REGION_BYTES);
  return {
    guestAddress: address(body, at),
    size: address(body, at + 8),
    userAddress: address(body, at + 16),
    fileOffset: address(body, at + 24),
  };
}

/** Reads a memory table. @throws KataError ERR_PROTOCOL where it is shorter than it says. */
export function decodeMemoryTable(body: Buffer): RegionPlace[] {
  need(body, 8);
  const count = body.readUInt32LE(0);
  need(body, 8 + count * REGION_BYTES);
  return Array.from({ length: count }, (_, index) => regionAt(body, 8 + index * REGION_BYTES));
}

/** Reads the one region of ADD_MEM_REG and REM_MEM_REG. @throws KataError ERR_PROTOCOL where it is shorter. */
export function decodeMemoryRegion(body: Buffer): RegionPlace {
  return regionAt(body, 8);
}

/**
 * Answers GET_CONFIG: the same body with the asked part of the device's configuration filled in.
 * @param config the whole configuration; what is asked beyond it reads as zero.
 * @throws KataError ERR_PROTOCOL where the body is shorter than the part that it asks for.
 */
export function answerConfig(body: Buffer, config: Buffer): Buffer {
  need(body, CONFIG_HEADER_BYTES);
  const offset = body.readUInt32LE(0);
  const size = body.readUInt32LE(4);
  need(body, CONFIG_HEADER_BYTES + size);
  const answer = Buffer.from(body);
  answer.fill(0, CONFIG_HEADER_BYTES);
  if (offset < config.length) config.copy(answer, CONFIG_HEADER_BYTES, offset, Math.min(config.length, offset + size));
  return answer;
}
