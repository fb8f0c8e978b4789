/** Entries of the neighbour tables as rtnetlink(7) tells them (struct ndmsg), with no I/O. */
import { Buffer } from 'node:buffer';
import { decodePayload, encodeAttributes } from './netlink.ts';
import { familyOf } from './rtnetlink-address.ts';

/** linux/neighbour.h: an entry that is neither asked for nor dropped. */
export const NUD_PERMANENT = 0x80;

const NDA_DST = 1;
const NDA_LLADDR = 2;
/** struct ndmsg: family 8, padding 24, index 32, state 16, flags 8, type 8. */
const HEADER_BYTES = 12;

/** A neighbour. */
export interface Neighbor {
  /** Index of the link. */
  readonly link: number;
  /** Four bytes or sixteen. */
  readonly destination: Uint8Array;
  /** Hardware address; undefined for an entry without. */
  readonly address: Uint8Array | undefined;
  /** NUD_*. */
  readonly state: number;
  /** NTF_*. */
  readonly flags: number;
}

/** Payload of a request for all neighbours. */
export function encodeNeighborQuery(): Buffer {
  return Buffer.alloc(HEADER_BYTES);
}

/** Payload of a request that adds or removes a neighbour. */
export function encodeNeighbor(neighbor: Neighbor): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(familyOf(neighbor.destination), 0);
  header.writeInt32LE(neighbor.link, 4);
  header.writeUInt16LE(neighbor.state, 8);
  header.writeUInt8(neighbor.flags, 10);
  const attributes = encodeAttributes([
    [NDA_DST, neighbor.destination],
    ...(neighbor.address === undefined ? [] : [[NDA_LLADDR, neighbor.address] as const]),
  ]);
  return Buffer.concat([header, attributes]);
}

/**
 * Reads a neighbour.
 * @returns undefined for an entry without an address, such as one of a bridge.
 * @throws KataError ERR_INTERNAL for what is none.
 */
export function decodeNeighbor(payload: Uint8Array): Neighbor | undefined {
  const { header, attributes } = decodePayload(payload, HEADER_BYTES);
  const destination = attributes.get(NDA_DST);
  if (destination === undefined) return undefined;
  return {
    link: header.readInt32LE(4),
    destination,
    address: attributes.get(NDA_LLADDR),
    state: header.readUInt16LE(8),
    flags: header.readUInt8(10),
  };
}
