/** What UpdateRoutes is asked to do, checked before anything is done. */
import { AF_INET, AF_INET6 } from '../../linux/rtnetlink-address.ts';
import {
  type Route,
  RT_TABLE_MAIN,
  RTN_UNICAST,
  RTPROT_BOOT,
  SETTABLE_NEXTHOP_FLAGS,
} from '../../linux/rtnetlink-route.ts';
import { types } from '../../wire/generated/proto.js';
import { badField } from '../container/oci-spec/bad-field.ts';
import { bounded } from './bounded.ts';
import { type IpPrefix, network, parseIp, parsePrefix } from './ip-address.ts';

const MAX_SCOPE = 0xff;

/** A checked route of a request. */
export interface RoutePlan {
  /** Where the request has it, such as `routes.Routes[0]`. */
  readonly field: string;
  /** Name of the interface. */
  readonly device: string;
  readonly route: Omit<Route, 'link'>;
  /** Such as `route 10.0.0.0/8 via 10.1.0.1 dev eth0`. */
  readonly label: string;
}

/**
 * Checks the routes of a request.
 * @returns them in the order in which they can be made: a gateway is reachable by a route without one.
 * @throws KataError ERR_INVALID_ARGUMENT (INTERNAL on the wire) that names field and value.
 */
export function planRoutes(routes: readonly types.Route[]): RoutePlan[] {
  const plans = bounded('routes.Routes', routes).map((route, index) => planRoute(route, `routes.Routes[${index}]`));
  const direct = plans.filter(({ route }) => route.gateway === undefined);
  const indirect = plans.filter(({ route }) => route.gateway !== undefined);
  return [...direct, ...indirect];
}

function planRoute(request: types.Route, field: string): RoutePlan {
  const { dest, gateway, device, source, scope, flags, mtu } = request;
  const family = familyOf(request, field);
  const destination = prefixIn(`${field}.dest`, dest, family);
  const from = prefixIn(`${field}.source`, source, family);
  if (scope > MAX_SCOPE) throw badField(`${field}.scope`, scope, `is more than ${MAX_SCOPE}`);
  // A bare address, or one with the length 0, is what the machine's own packets get as their source.
  const selects = from?.explicit === true && from.length > 0;
  const none = { address: new Uint8Array(), length: 0 };
  return {
    field,
    device,
    route: {
      family,
      destination: destination === undefined ? none : maskedPrefix(destination),
      sourceSelector: from !== undefined && selects ? maskedPrefix(from) : none,
      gateway: gateway === '' ? undefined : addressIn(`${field}.gateway`, gateway, family),
      preferredSource: selects ? undefined : from?.address,
      scope,
      type: RTN_UNICAST,
      protocol: RTPROT_BOOT,
      table: RT_TABLE_MAIN,
      // The others tell a state of the host's route.
      flags: flags & SETTABLE_NEXTHOP_FLAGS,
      mtu,
      typeOfService: 0,
      priority: 0,
    },
    label: `route ${dest === '' ? 'default' : dest}${gateway === '' ? '' : ` via ${gateway}`} dev ${device}`,
  };
}

/** The first shims have no field for the family, which then reads as IPv4; so a colon in an address decides. */
function familyOf({ dest, gateway, source, family }: types.Route, field: string): number {
  if ([dest, gateway, source].some((text) => text.includes(':'))) return AF_INET6;
  if (family === types.IPFamily.v6) return AF_INET6;
  if (family === types.IPFamily.v4) return AF_INET;
  throw badField(`${field}.family`, family, 'is neither v4 (0) nor v6 (1)');
}

function isOfFamily(address: Uint8Array, family: number): boolean {
  return address.length === (family === AF_INET ? 4 : 16);
}

function nameOf(family: number): string {
  return family === AF_INET ? 'IPv4' : 'IPv6';
}

function prefixIn(field: string, text: string, family: number): IpPrefix | undefined {
  if (text === '') return undefined;
  const prefix = parsePrefix(text);
  if (prefix !== undefined && isOfFamily(prefix.address, family)) return prefix;
  throw badField(field, text, `is no ${nameOf(family)} address or prefix`);
}

function addressIn(field: string, text: string, family: number): Uint8Array {
  const address = parseIp(text);
  if (address !== undefined && isOfFamily(address, family)) return address;
  throw badField(field, text, `is no ${nameOf(family)} address`);
}

/** The kernel refuses an IPv4 destination with bits behind its length, and clears them in an IPv6 one. */
function maskedPrefix({ address, length }: IpPrefix): { readonly address: Uint8Array; readonly length: number } {
  return { address: network(address, length), length };
}
