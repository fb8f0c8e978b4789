/** IP addresses and prefixes as text, and as the bytes that the kernel takes. */
import { Buffer } from 'node:buffer';

const V4_BYTES = 4;
const V6_BYTES = 16;
const V6_GROUPS = 8;
const BITS_OF_BYTE = 8;

function parseV4(text: string): Buffer | undefined {
  const parts = text.split('.');
  if (parts.length !== V4_BYTES) return undefined;
  // No leading zeros: some readers take them for octal numbers.
  const fits = parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 0xff);
  return fits ? Buffer.from(parts.map(Number)) : undefined;
}

/** Groups of an IPv6 address between its ends or around `::`; a dotted end is two of them. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes('.')) {
      const dotted = parseV4(part);
      if (dotted === undefined) return undefined;
      groups.push(dotted.readUInt16BE(0), dotted.readUInt16BE(2));
    } else {
      if (!/^[\da-f]{1,4}$/i.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

function parseV6(text: string): Buffer | undefined {
  const [first = '', second, ...more] = text.split('::');
  if (more.length > 0 || (second !== undefined && first.includes('.'))) return undefined;
  const head = parseGroups(first);
  const tail = second === undefined ? [] : parseGroups(second);
  if (head === undefined || tail === undefined) return undefined;
  const missing = V6_GROUPS - head.length - tail.length;
  if (second === undefined ? missing !== 0 : missing < 1) return undefined;
  const bytes = Buffer.alloc(V6_BYTES);
  for (const [index, group] of head.entries()) bytes.writeUInt16BE(group, index * 2);
  for (const [index, group] of tail.entries()) bytes.writeUInt16BE(group, (head.length + missing + index) * 2);
  return bytes;
}

/**
 * Bytes of an address.
 * @returns four bytes, or sixteen for text with a colon; undefined for text that is none. There are no zones (`%eth0`).
 */
export function parseIp(text: string): Buffer | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

/** How many bits an address has. */
export function bitsOf(address: Uint8Array): number {
  return address.length * BITS_OF_BYTE;
}

/**
 * A prefix length.
 * @returns undefined for what is no decimal number up to `bits`.
 */
export function parsePrefixLength(text: string, bits: number): number | undefined {
  return /^\d{1,3}$/.test(text) && Number(text) <= bits ? Number(text) : undefined;
}

/** An address and how many of its leading bits count. */
export interface IpPrefix {
  readonly address: Buffer;
  readonly length: number;
  /** True where the text has a length, not only an address. */
  readonly explicit: boolean;
}

/**
 * Reads `10.0.0.0/8`, or a bare address, which is a prefix of its whole length.
 * @returns undefined for text that is neither.
 */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [first = '', lengthText, ...more] = text.split('/');
  const address = parseIp(first);
  if (address === undefined || more.length > 0) return undefined;
  if (lengthText === undefined) return { address, length: bitsOf(address), explicit: false };
  const length = parsePrefixLength(lengthText, bitsOf(address));
  return length === undefined ? undefined : { address, length, explicit: true };
}

/** The address with the bits after the first `length` cleared. */
export function network(address: Uint8Array, length: number): Buffer {
  return Buffer.from(address.map((byte, index) => byte & leadingBits(length - index * BITS_OF_BYTE)));
}

/** The last address of an IPv4 network. */
export function broadcast(address: Uint8Array, length: number): Buffer {
  return Buffer.from(address.map((byte, index) => byte | (0xff & ~leadingBits(length - index * BITS_OF_BYTE))));
}

/** A byte whose first `count` bits are set; none for a negative count, all for more than eight. */
function leadingBits(count: number): number {
  const set = Math.min(Math.max(count, 0), BITS_OF_BYTE);
  return (0xff << (BITS_OF_BYTE - set)) & 0xff;
}

/** Text of four or sixteen bytes; IPv6 in the shortest form, small letters (RFC 5952, but for dotted ends). */
export function formatIp(address: Uint8Array): string {
  if (address.length === V4_BYTES) return address.join('.');
  const bytes = Buffer.from(address);
  const groups = Array.from({ length: V6_GROUPS }, (_, index) => bytes.readUInt16BE(index * 2));
  const gap = longestZeroRun(groups);
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (gap.length < 2) return text(groups);
  return `${text(groups.slice(0, gap.start))}::${text(groups.slice(gap.start + gap.length))}`;
}

/** The first of the longest runs of zeros. */
function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
