/** Network links as rtnetlink(7) tells them (struct ifinfomsg), with no I/O. */
import { Buffer } from 'node:buffer';
import { decodePayload, decodeText, decodeUint32, encodeAttributes, encodeText, encodeUint32 } from './netlink.ts';

/** linux/if.h */
export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
export const IFF_NOARP = 0x80;

/** linux/if_arp.h: what has hardware addresses of six bytes. */
export const ARPHRD_ETHER = 1;

// linux/if_link.h
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
/** struct ifinfomsg: family 8, padding 8, device type 16, index 32, flags 32, mask of changed flags 32. */
const HEADER_BYTES = 16;

/** A link. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Its hardware address; empty where its kind has none. */
  readonly address: Uint8Array;
  /** Largest packet (bytes). */
  readonly mtu: number;
  /** IFF_*. */
  readonly flags: number;
  /** ARPHRD_*. */
  readonly hardware: number;
}

/** What of a link is to be changed; the kernel does all of it or stops in the middle. */
export interface LinkChange {
  readonly name?: string;
  readonly address?: Uint8Array;
  readonly mtu?: number;
  /** The flags that change, each with its new value. */
  readonly flags?: { readonly mask: number; readonly values: number };
}

/** Payload of a request for all links. */
export function encodeLinkQuery(): Buffer {
  return Buffer.alloc(HEADER_BYTES);
}

/** Payload of a request that changes a link. */
export function encodeLinkChange(index: number, change: LinkChange): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeInt32LE(index, 4);
  if (change.flags !== undefined) {
    header.writeUInt32LE(change.flags.values, 8);
    header.writeUInt32LE(change.flags.mask, 12);
  }
  const attributes = encodeAttributes([
    ...(change.address === undefined ? [] : [[IFLA_ADDRESS, change.address] as const]),
    ...(change.name === undefined ? [] : [[IFLA_IFNAME, encodeText(change.name)] as const]),
    ...(change.mtu === undefined ? [] : [[IFLA_MTU, encodeUint32(change.mtu)] as const]),
  ]);
  return Buffer.concat([header, attributes]);
}

/**
 * Reads a link.
 * @throws KataError ERR_INTERNAL for what is none.
 */
export function decodeLink(payload: Uint8Array): Link {
  const { header, attributes } = decodePayload(payload, HEADER_BYTES);
  const mtu = attributes.get(IFLA_MTU);
  return {
    index: header.readInt32LE(4),
    name: decodeText(attributes.get(IFLA_IFNAME) ?? Buffer.alloc(0)),
    address: attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0),
    mtu: mtu === undefined ? 0 : decodeUint32(mtu),
    flags: header.readUInt32LE(8),
    hardware: header.readUInt16LE(2),
  };
}
