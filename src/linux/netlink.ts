/**
 * Netlink messages as bytes, with no I/O: netlink(7), linux/netlink.h. Numbers are in the byte order of the machine,
 * which is little-endian wherever the agent runs.
 */
import { Buffer } from 'node:buffer';
import { KataError } from '../wire/error.ts';

/** Flags of a message's header. */
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
/** In an answer: the table changed while it was read out, so entries may be missing or there twice. */
export const NLM_F_DUMP_INTR = 0x10;
/** NLM_F_ROOT | NLM_F_MATCH: all entries. */
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** In an answer of type NLMSG_ERROR, where the flag numbers have another meaning: the request is not repeated in it. */
const NLM_F_CAPPED = 0x100;
/** Likewise: attributes follow that explain the error. */
const NLM_F_ACK_TLVS = 0x200;

/** Types of messages that every netlink family has. */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

/** The attribute of an error that holds the kernel's sentence on it. */
const NLMSGERR_ATTR_MSG = 1;

/** struct nlmsghdr: length 32, type 16, flags 16, sequence 32, port 32. */
const HEADER_BYTES = 16;
/** struct nlattr: length 16, type 16. */
const ATTRIBUTE_HEADER_BYTES = 4;
/** The two upper bits of an attribute's type say how it is nested and in which byte order it is. */
const ATTRIBUTE_TYPE_MASK = 0x3fff;
const MAX_ATTRIBUTE_BYTES = 0xffff;

/** A message but for its length, which follows from the payload. */
export interface NetlinkMessage {
  readonly type: number;
  /** NLM_F_*. */
  readonly flags: number;
  /** Ties an answer to its request. */
  readonly sequence: number;
  /** The family's own structure and its attributes. */
  readonly payload: Uint8Array;
}

/** One attribute: its type without the upper two bits, and its value. */
export type NetlinkAttribute = readonly [type: number, value: Uint8Array];

/** What the kernel answers to a request that changes something; errno 0 is success. */
export interface NetlinkOutcome {
  /** Positive. */
  readonly errno: number;
  /** The kernel's own sentence on the error; empty where it has none. */
  readonly explanation: string;
}

/** Messages and attributes begin at multiples of four. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}

/** Bytes of one message; the sender's port is left to the kernel. */
export function encodeMessage({ type, flags, sequence, payload }: NetlinkMessage): Buffer {
  const length = HEADER_BYTES + payload.length;
  const bytes = Buffer.alloc(aligned(length));
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt16LE(flags, 6);
  bytes.writeUInt32LE(sequence, 8);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/**
 * Splits what one read gave into its messages, whose payloads are views of it.
 * @throws KataError ERR_INTERNAL where a length does not fit.
 */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  const bytes = viewOf(datagram);
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at < bytes.length) {
    const rest = bytes.length - at;
    const length = rest < HEADER_BYTES ? 0 : bytes.readUInt32LE(at);
    if (length < HEADER_BYTES || length > rest) throw malformed(`a message of ${length} bytes where ${rest} are left`);
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      payload: bytes.subarray(at + HEADER_BYTES, at + length),
    });
    at += aligned(length);
  }
  return messages;
}

/**
 * Bytes of attributes, in their order, each filled up to a multiple of four.
 * @throws KataError ERR_INVALID_ARGUMENT for a value that an attribute cannot hold.
 */
export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Buffer {
  const parts = attributes.map(([type, value]) => {
    const length = ATTRIBUTE_HEADER_BYTES + value.length;
    if (length > MAX_ATTRIBUTE_BYTES) {
      throw new KataError('ERR_INVALID_ARGUMENT', `netlink: ${value.length} bytes do not fit into an attribute`);
    }
    const bytes = Buffer.alloc(aligned(length));
    bytes.writeUInt16LE(length, 0);
    bytes.writeUInt16LE(type, 2);
    bytes.set(value, ATTRIBUTE_HEADER_BYTES);
    return bytes;
  });
  return Buffer.concat(parts);
}

/**
 * The attributes by their types, as views of `bytes`. Of those with the same type the last one counts.
 * @throws KataError ERR_INTERNAL where a length does not fit.
 */
export function decodeAttributes(bytes: Uint8Array): ReadonlyMap<number, Buffer> {
  const view = viewOf(bytes);
  const attributes = new Map<number, Buffer>();
  let at = 0;
  // Fewer bytes than a header are filling.
  while (view.length - at >= ATTRIBUTE_HEADER_BYTES) {
    const rest = view.length - at;
    const length = view.readUInt16LE(at);
    if (length < ATTRIBUTE_HEADER_BYTES || length > rest) {
      throw malformed(`an attribute of ${length} bytes where ${rest} are left`);
    }
    const type = view.readUInt16LE(at + 2) & ATTRIBUTE_TYPE_MASK;
    attributes.set(type, view.subarray(at + ATTRIBUTE_HEADER_BYTES, at + length));
    at += aligned(length);
  }
  return attributes;
}

/**
 * Reads an answer of type NLMSG_ERROR (struct nlmsgerr), which an acknowledgement is too, or of type NLMSG_DONE, which
 * begins alike where a dump ended early.
 * @throws KataError ERR_INTERNAL where it is too short.
 */
export function decodeOutcome({ type, flags, payload }: NetlinkMessage): NetlinkOutcome {
  const bytes = viewOf(payload);
  if (bytes.length < 4) throw malformed(`an outcome of ${bytes.length} bytes`);
  const number = Math.abs(bytes.readInt32LE(0));
  if (number === 0 || (flags & NLM_F_ACK_TLVS) === 0) return { errno: number, explanation: '' };
  let attributesAt = 4;
  if (type === NLMSG_ERROR) {
    if (bytes.length < 4 + HEADER_BYTES) throw malformed(`an error of ${bytes.length} bytes`);
    // Our own request's header, and the rest of it where it is not left out.
    attributesAt += (flags & NLM_F_CAPPED) === 0 ? aligned(bytes.readUInt32LE(4)) : HEADER_BYTES;
  }
  const text = decodeAttributes(bytes.subarray(attributesAt)).get(NLMSGERR_ATTR_MSG);
  return { errno: number, explanation: text === undefined ? '' : decodeText(text) };
}

/** A string attribute: the bytes before its NUL. */
export function decodeText(value: Uint8Array): string {
  const end = value.indexOf(0);
  return viewOf(value.subarray(0, end < 0 ? value.length : end)).toString('utf8');
}

/** A string attribute's value, with the NUL that the kernel wants. */
export function encodeText(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf8');
}

/** A 32-bit attribute's value. */
export function encodeUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/**
 * A 32-bit attribute.
 * @throws KataError ERR_INTERNAL where it is shorter.
 */
export function decodeUint32(value: Uint8Array): number {
  if (value.length < 4) throw malformed(`a number of ${value.length} bytes`);
  return viewOf(value).readUInt32LE(0);
}

/**
 * The fixed structure at the start of a payload, and the attributes behind it.
 * @param headerBytes length of the structure.
 * @throws KataError ERR_INTERNAL where the payload is shorter, or an attribute does not fit.
 */
export function decodePayload(
  payload: Uint8Array,
  headerBytes: number,
): { readonly header: Buffer; readonly attributes: ReadonlyMap<number, Buffer> } {
  if (payload.length < headerBytes) throw malformed(`a payload of ${payload.length} bytes`);
  const view = viewOf(payload);
  return { header: view.subarray(0, headerBytes), attributes: decodeAttributes(view.subarray(aligned(headerBytes))) };
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function malformed(problem: string): KataError {
  return new KataError('ERR_INTERNAL', `netlink: ${problem}`);
}
