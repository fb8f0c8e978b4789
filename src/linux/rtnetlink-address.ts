/** Addresses of links as rtnetlink(7) tells them (struct ifaddrmsg), with no I/O. */
import { Buffer } from 'node:buffer';
import { decodePayload, decodeUint32, encodeAttributes, encodeUint32 } from './netlink.ts';

/** bits/socket.h */
export const AF_INET = 2;
export const AF_INET6 = 10;

/** linux/if_addr.h: used without asking the link first whether somebody else has the address. */
export const IFA_F_NODAD = 0x2;
/** Set by hand or by a request, not learnt for a time. */
export const IFA_F_PERMANENT = 0x80;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
/** struct ifaddrmsg: family 8, prefix length 8, flags 8, scope 8, index 32. */
const HEADER_BYTES = 8;
const LOW_FLAGS_MASK = 0xff;

/** An address of a link. */
export interface LinkAddress {
  readonly index: number;
  /** Its own address: four bytes or sixteen, which tells the family. */
  readonly local: Uint8Array;
  readonly prefixLength: number;
  /** The other end's address on a link between two; else as `local`. */
  readonly peer: Uint8Array;
  readonly broadcast: Uint8Array | undefined;
  /** IFA_F_*. */
  readonly flags: number;
  /** RT_SCOPE_*. */
  readonly scope: number;
}

/** Family of an address by its length. */
export function familyOf(address: Uint8Array): number {
  return address.length === 4 ? AF_INET : AF_INET6;
}

/** Payload of a request for all addresses. */
export function encodeAddressQuery(): Buffer {
  return Buffer.alloc(HEADER_BYTES);
}

/** Payload of a request that adds or removes an address. */
export function encodeAddress(address: LinkAddress): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(familyOf(address.local), 0);
  header.writeUInt8(address.prefixLength, 1);
  header.writeUInt8(address.flags & LOW_FLAGS_MASK, 2);
  header.writeUInt8(address.scope, 3);
  header.writeInt32LE(address.index, 4);
  const attributes = encodeAttributes([
    [IFA_LOCAL, address.local],
    [IFA_ADDRESS, address.peer],
    ...(address.broadcast === undefined ? [] : [[IFA_BROADCAST, address.broadcast] as const]),
    [IFA_FLAGS, encodeUint32(address.flags)],
  ]);
  return Buffer.concat([header, attributes]);
}

/**
 * Reads an address.
 * @returns undefined for one that is neither IPv4 nor IPv6.
 * @throws KataError ERR_INTERNAL for what is none.
 */
export function decodeAddress(payload: Uint8Array): LinkAddress | undefined {
  const { header, attributes } = decodePayload(payload, HEADER_BYTES);
  const family = header.readUInt8(0);
  const peer = attributes.get(IFA_ADDRESS);
  // IPv6 has IFA_LOCAL only where there is another end.
  const local = attributes.get(IFA_LOCAL) ?? peer;
  if ((family !== AF_INET && family !== AF_INET6) || local === undefined) return undefined;
  const flags = attributes.get(IFA_FLAGS);
  return {
    index: header.readInt32LE(4),
    local,
    prefixLength: header.readUInt8(1),
    peer: peer ?? local,
    broadcast: attributes.get(IFA_BROADCAST),
    flags: flags === undefined ? header.readUInt8(2) : decodeUint32(flags),
    scope: header.readUInt8(3),
  };
}
