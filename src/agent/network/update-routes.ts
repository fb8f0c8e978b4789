/** The call that makes routes, and the one that lists them. */
import { type Rtnetlink, withRtnetlink } from '../../linux/rtnetlink.ts';
import { AF_INET, AF_INET6 } from '../../linux/rtnetlink-address.ts';
import {
  type FoundRoute,
  type Prefix,
  type Route,
  RT_TABLE_MAIN,
  RTN_UNICAST,
  SETTABLE_NEXTHOP_FLAGS,
} from '../../linux/rtnetlink-route.ts';
import { hasErrno } from '../../wire/error.ts';
import { types } from '../../wire/generated/proto.js';
import type { Logger } from '../log/logger.ts';
import { linkNamed } from './find-link.ts';
import { formatIp } from './ip-address.ts';
import { isIpv6Off } from './ipv6-switch.ts';
import { planRoutes } from './route-plan.ts';
import { allOrNone, type Undo } from './undo.ts';

/** What the kernel gives an IPv6 route that has none (IP6_RT_PRIO_USER). */
const IPV6_DEFAULT_PRIORITY = 1024;

function allRoutes(tables: Rtnetlink): FoundRoute[] {
  return [AF_INET, AF_INET6].flatMap((family) => tables.routes(family));
}

function priorityOf({ priority, family }: Route): number {
  return priority === 0 && family === AF_INET6 ? IPV6_DEFAULT_PRIORITY : priority;
}

function keyOfPrefix({ address, length }: Prefix): string {
  return length === 0 ? '' : `${Buffer.from(address).toString('hex')}/${length}`;
}

/** Making a route replaces the one with the same key. */
function keyOf(route: Route): string {
  const { family, table, typeOfService, destination, sourceSelector } = route;
  const prefixes = [destination, sourceSelector].map(keyOfPrefix);
  return [family, table, typeOfService, priorityOf(route), ...prefixes].join(' ');
}

function removeRoute(tables: Rtnetlink, route: Route, label: string): void {
  try {
    tables.deleteRoute(route, `remove ${label}`);
  } catch (error) {
    // A later one of the list took its place, and was taken back before.
    if (!hasErrno(error, 'ESRCH')) throw error;
  }
}

function makeRoute(tables: Rtnetlink, route: Route, label: string, former: FoundRoute | undefined, undo: Undo): void {
  try {
    tables.replaceRoute(route, `add ${label}`);
  } catch (error) {
    // The very same route is there, behind another one with its destination.
    if (hasErrno(error, 'EEXIST')) return;
    throw error;
  }
  undo.push(() => {
    if (former === undefined) removeRoute(tables, route, label);
    else tables.restoreRoute(former, `put back what ${label} replaced`);
  });
}

/**
 * Makes routes; those that the request does not name stay.
 * @throws KataError (INTERNAL on the wire): a bad field, an unknown interface, or what the kernel refused, such as a
 *   gateway that no route leads to. The table is then as it was before.
 */
export function updateRoutes(requests: readonly types.Route[], logger: Logger): void {
  const plans = planRoutes(requests);
  withRtnetlink((tables) => {
    const links = tables.links();
    const routes = plans.map(({ field, device, route, label }) => {
      const { index } = linkNamed(links, device, `${field}.device`);
      return { device, label, route: { ...route, link: index } };
    });
    const present = Map.groupBy(allRoutes(tables), keyOf);
    allOrNone(logger, (undo) => {
      for (const { device, label, route } of routes) {
        if (route.family === AF_INET6 && isIpv6Off(device)) {
          logger.warn({ interface: device }, `IPv6 is off; left out: ${label}`);
        } else {
          makeRoute(tables, route, label, present.get(keyOf(route))?.[0], undo);
        }
      }
    });
  });
}

/** The main table's routes, IPv4 first, as UpdateRoutes would take them. */
export function listRoutes(): types.Route.$Properties[] {
  return withRtnetlink((tables) => {
    const names = new Map(tables.links().map(({ index, name }) => [index, name]));
    return allRoutes(tables)
      .filter(({ table, type }) => table === RT_TABLE_MAIN && type === RTN_UNICAST)
      .map((route) => messageOf(route, names.get(route.link) ?? ''));
  });
}

function messageOf(route: FoundRoute, device: string): types.Route.$Properties {
  const { destination, sourceSelector, preferredSource, gateway, scope, flags, mtu, family } = route;
  const bare = (address: Uint8Array | undefined): string => (address === undefined ? '' : formatIp(address));
  return {
    dest: textOf(destination),
    gateway: bare(gateway),
    device,
    source: sourceSelector.length > 0 ? textOf(sourceSelector) : bare(preferredSource),
    scope,
    family: family === AF_INET6 ? types.IPFamily.v6 : types.IPFamily.v4,
    flags: flags & SETTABLE_NEXTHOP_FLAGS,
    mtu,
  };
}

/** Empty for all addresses, as in a request. */
function textOf({ address, length }: Prefix): string {
  return length === 0 ? '' : `${formatIp(address)}/${length}`;
}
