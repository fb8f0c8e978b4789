/** Routes as rtnetlink(7) tells them (struct rtmsg), with no I/O. */
import { Buffer } from 'node:buffer';
import {
  decodeAttributes,
  decodePayload,
  decodeUint32,
  encodeAttributes,
  encodeUint32,
  type NetlinkAttribute,
} from './netlink.ts';

// linux/rtnetlink.h
export const RT_TABLE_MAIN = 254;
export const RTPROT_KERNEL = 2;
export const RTPROT_BOOT = 3;
/** Learnt from a router, for a time. */
export const RTPROT_RA = 9;
export const RTN_UNICAST = 1;
/** The gateway is taken to be on the link even where no address says so. */
const RTNH_F_ONLINK = 4;
/** The flags that a request may have; the others tell a state, and the kernel refuses some of them. */
export const SETTABLE_NEXTHOP_FLAGS = 0x2 | RTNH_F_ONLINK;

const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_TABLE = 15;
const RTA_VIA = 18;
/** Nested in RTA_METRICS. */
const RTAX_MTU = 2;
/**
 * struct rtmsg: family, destination's and source's prefix length, type of service, table, protocol, scope, type, 8
 * bits each; flags 32.
 */
const HEADER_BYTES = 12;
/** struct rtnexthop: length 16, flags 8, hops 8, index 32. */
const NEXTHOP_BYTES = 8;

/** An address and how many of its leading bits count. */
export interface Prefix {
  readonly address: Uint8Array;
  readonly length: number;
}

/** A route. */
export interface Route {
  /** AF_INET or AF_INET6. */
  readonly family: number;
  /** Length 0 is the default route. */
  readonly destination: Prefix;
  /** Only packets with a source in it take the route; length 0 for all. */
  readonly sourceSelector: Prefix;
  readonly gateway: Uint8Array | undefined;
  /** Address that the machine's own packets get as their source. */
  readonly preferredSource: Uint8Array | undefined;
  /** Index of the link; 0 for none. */
  readonly link: number;
  /** RT_SCOPE_*. */
  readonly scope: number;
  /** RTN_*. */
  readonly type: number;
  /** RTPROT_*. */
  readonly protocol: number;
  readonly table: number;
  /** RTNH_F_*. */
  readonly flags: number;
  /** Largest packet (bytes); 0 leaves it to the link. */
  readonly mtu: number;
  readonly typeOfService: number;
  /** The metric; 0 leaves it to the kernel. */
  readonly priority: number;
}

/** A route that is there. */
export interface FoundRoute extends Route {
  /** The kernel's own form of it, with what {@link Route} does not tell. */
  readonly payload: Uint8Array;
}

/** Payload of a request for all routes of a family. */
export function encodeRouteQuery(family: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(family, 0);
  return header;
}

/** Payload of a request that adds or removes a route. */
export function encodeRoute(route: Route): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(route.family, 0);
  header.writeUInt8(route.destination.length, 1);
  header.writeUInt8(route.sourceSelector.length, 2);
  header.writeUInt8(route.typeOfService, 3);
  // A table that does not fit into 8 bits is told by the attribute alone.
  header.writeUInt8(route.table > 0xff ? 0 : route.table, 4);
  header.writeUInt8(route.protocol, 5);
  header.writeUInt8(route.scope, 6);
  header.writeUInt8(route.type, 7);
  header.writeUInt32LE(route.flags, 8);
  const attributes: NetlinkAttribute[] = [[RTA_TABLE, encodeUint32(route.table)]];
  if (route.destination.length > 0) attributes.push([RTA_DST, route.destination.address]);
  if (route.sourceSelector.length > 0) attributes.push([RTA_SRC, route.sourceSelector.address]);
  if (route.gateway !== undefined) attributes.push([RTA_GATEWAY, route.gateway]);
  if (route.preferredSource !== undefined) attributes.push([RTA_PREFSRC, route.preferredSource]);
  if (route.link !== 0) attributes.push([RTA_OIF, encodeUint32(route.link)]);
  if (route.priority !== 0) attributes.push([RTA_PRIORITY, encodeUint32(route.priority)]);
  if (route.mtu !== 0) attributes.push([RTA_METRICS, encodeAttributes([[RTAX_MTU, encodeUint32(route.mtu)]])]);
  return Buffer.concat([header, encodeAttributes(attributes)]);
}

/**
 * The kernel's own form of a route, ready to be given back to it: without the flags that tell a state, which it
 * refuses.
 */
export function encodeAgain({ payload, flags }: FoundRoute): Buffer {
  const bytes = Buffer.from(payload);
  bytes.writeUInt32LE((flags & SETTABLE_NEXTHOP_FLAGS) >>> 0, 8);
  return bytes;
}

/**
 * Reads a route. Of one with several next hops the first counts.
 * @throws KataError ERR_INTERNAL for what is none.
 */
export function decodeRoute(payload: Uint8Array): FoundRoute {
  const { header, attributes } = decodePayload(payload, HEADER_BYTES);
  const none = Buffer.alloc(0);
  const hop = firstHop(attributes.get(RTA_MULTIPATH));
  const number = (type: number): number => {
    const value = attributes.get(type);
    return value === undefined ? 0 : decodeUint32(value);
  };
  const mtu = decodeAttributes(attributes.get(RTA_METRICS) ?? none).get(RTAX_MTU);
  const table = number(RTA_TABLE);
  return {
    family: header.readUInt8(0),
    destination: { address: attributes.get(RTA_DST) ?? none, length: header.readUInt8(1) },
    sourceSelector: { address: attributes.get(RTA_SRC) ?? none, length: header.readUInt8(2) },
    gateway: gatewayIn(attributes) ?? gatewayIn(hop.attributes),
    preferredSource: attributes.get(RTA_PREFSRC),
    link: number(RTA_OIF) === 0 ? hop.link : number(RTA_OIF),
    scope: header.readUInt8(6),
    type: header.readUInt8(7),
    protocol: header.readUInt8(5),
    table: table === 0 ? header.readUInt8(4) : table,
    flags: header.readUInt32LE(8),
    mtu: mtu === undefined ? 0 : decodeUint32(mtu),
    typeOfService: header.readUInt8(3),
    priority: number(RTA_PRIORITY),
    payload,
  };
}

/** The next hop's address; one of another family than the route's comes behind its family's number. */
function gatewayIn(attributes: ReadonlyMap<number, Buffer>): Buffer | undefined {
  return attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(2);
}

function firstHop(multipath: Buffer | undefined): {
  readonly link: number;
  readonly attributes: ReadonlyMap<number, Buffer>;
} {
  if (multipath === undefined || multipath.length < NEXTHOP_BYTES) return { link: 0, attributes: new Map() };
  const { header, attributes } = decodePayload(multipath.subarray(0, multipath.readUInt16LE(0)), NEXTHOP_BYTES);
  return { link: header.readInt32LE(4), attributes };
}
