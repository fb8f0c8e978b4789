/** The call that sets an interface up, and the one that lists them. */

import Long from 'long';
import { withRtnetlink } from '../../linux/rtnetlink.ts';
import { AF_INET6, familyOf } from '../../linux/rtnetlink-address.ts';
import { types } from '../../wire/generated/proto.js';
import { configureLink } from './configure-link.ts';
import { type FindContext, findLink } from './find-link.ts';
import { planInterface } from './interface-plan.ts';
import { formatIp } from './ip-address.ts';
import { formatMac } from './mac-address.ts';

/**
 * Sets an interface up as a request says; see {@link configureLink}. One that is not plugged in yet is waited for.
 * @param claimed indices of the links that requests have set up; the link's own is added.
 * @throws KataError (INTERNAL on the wire): a bad field, a link that does not come, or what the kernel refused.
 */
export async function updateInterface(
  request: types.Interface,
  claimed: Set<number>,
  context: FindContext,
): Promise<void> {
  const plan = planInterface(request);
  const { logger } = context;
  const link = await findLink(plan, request.devicePath, claimed, context);
  withRtnetlink((tables) => configureLink(tables, link, plan, logger));
  claimed.add(link.index);
  logger.info({ interface: plan.name, 'former-name': link.name }, 'interface is set up');
}

/** All interfaces with their addresses, the loopback one included. */
export function listInterfaces(): types.Interface.$Properties[] {
  return withRtnetlink((tables) => {
    const addresses = tables.addresses();
    return tables.links().map(({ index, name, address: mac, mtu }) => ({
      name,
      hwAddr: formatMac(mac),
      mtu: Long.fromNumber(mtu, true),
      IPAddresses: addresses
        .filter((address) => address.index === index)
        .map(({ local, prefixLength }) => ({
          family: familyOf(local) === AF_INET6 ? types.IPFamily.v6 : types.IPFamily.v4,
          address: formatIp(local),
          mask: String(prefixLength),
        })),
    }));
  });
}
