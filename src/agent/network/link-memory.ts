/** What a link loses when it goes down, as it must to get another name. */
import type { Rtnetlink } from '../../linux/rtnetlink.ts';
import {
  AF_INET,
  AF_INET6,
  familyOf,
  IFA_F_NODAD,
  IFA_F_PERMANENT,
  type LinkAddress,
} from '../../linux/rtnetlink-address.ts';
import { type FoundRoute, RT_TABLE_MAIN, RTPROT_KERNEL, RTPROT_RA } from '../../linux/rtnetlink-route.ts';
import { hasErrno } from '../../wire/error.ts';
import type { Logger } from '../log/logger.ts';

/** A link's IPv6 addresses and its routes, as far as the kernel does not bring them back by itself. */
export interface LinkMemory {
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly FoundRoute[];
}

/** Takes down what a link would lose. */
export function rememberLink(tables: Rtnetlink, index: number): LinkMemory {
  const isOurs = ({ link, table, protocol }: FoundRoute): boolean =>
    link === index && table === RT_TABLE_MAIN && protocol !== RTPROT_KERNEL && protocol !== RTPROT_RA;
  return {
    addresses: tables
      .addresses()
      .filter(
        (address) =>
          address.index === index && familyOf(address.local) === AF_INET6 && (address.flags & IFA_F_PERMANENT) !== 0,
      ),
    routes: [AF_INET, AF_INET6].flatMap((family) => tables.routes(family).filter(isOurs)),
  };
}

/**
 * Brings back to a link that is up again what it has lost and nobody has replaced meanwhile. What the kernel does not
 * take any more, such as a route whose gateway was moved, is logged.
 */
export function restoreLink(tables: Rtnetlink, memory: LinkMemory, name: string, logger: Logger): void {
  const attempt = (what: string, restore: () => void): void => {
    try {
      restore();
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) logger.warn({ error, interface: name }, `${what} of a renamed interface is lost`);
    }
  };
  const present = tables.addresses().filter(({ index }) => memory.addresses.some((each) => each.index === index));
  for (const address of memory.addresses) {
    if (present.some(({ local }) => Buffer.from(local).equals(address.local))) continue;
    const usable = { ...address, flags: address.flags | IFA_F_NODAD };
    attempt('an address', () => tables.replaceAddress(usable, `restore an address of ${name}`));
  }
  for (const route of [...memory.routes].sort(directFirst)) {
    attempt('a route', () => tables.addRouteAgain(route, `restore a route of ${name}`));
  }
}

/** A gateway is reachable by a route without one. */
function directFirst(one: FoundRoute, other: FoundRoute): number {
  return Number(one.gateway !== undefined) - Number(other.gateway !== undefined);
}
