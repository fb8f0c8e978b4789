/** Which link of the guest a request means. */
import { withRtnetlink } from '../../linux/rtnetlink.ts';
import { ARPHRD_ETHER, IFF_LOOPBACK, type Link } from '../../linux/rtnetlink-link.ts';
import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { AgentContext } from '../context.ts';
import { namesIn, type PciPath, pciDirectory } from '../device/pci-path.ts';
import { waitForDevice } from '../device/wait.ts';
import type { InterfacePlan } from './interface-plan.ts';
import { formatMac } from './mac-address.ts';
import { NetworkDrivers } from './network-drivers.ts';

/** What the search works with. */
export type FindContext = Pick<AgentContext, 'config' | 'logger' | 'reaper' | 'uevents'>;

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** Of several links with the address, such as a bridge and its port, the one that has the name already. */
function byAddress(links: readonly Link[], mac: Uint8Array, name: string): Link | undefined {
  const found = links.filter(({ address, flags }) => (flags & IFF_LOOPBACK) === 0 && equal(address, mac));
  return found.find((link) => link.name === name) ?? found[0];
}

function byPciPath(links: readonly Link[], path: PciPath): Link | undefined {
  const directory = pciDirectory('/sys', path);
  if (directory === undefined) return undefined;
  // A virtio device's interface is one level deeper than that of another driver.
  const virtio = namesIn(directory).filter((name) => /^virtio\d+$/.test(name));
  const names = ['', ...virtio].flatMap((name) => namesIn(`${directory}/${name}/net`));
  return links.find(({ name }) => names.includes(name));
}

/**
 * The link that can only be the one that is meant though its address is another one, as in a machine that was started
 * from the image of a running one: it has the name, and no other link is left that no request has asked for.
 */
function onlyUnclaimed(links: readonly Link[], name: string, claimed: ReadonlySet<number>): Link | undefined {
  const left = links.filter(
    ({ index, flags, hardware }) => !claimed.has(index) && (flags & IFF_LOOPBACK) === 0 && hardware === ARPHRD_ETHER,
  );
  return left.length === 1 ? left.find((link) => link.name === name) : undefined;
}

/** All links of the moment. */
function linksNow(): Link[] {
  return withRtnetlink((tables) => tables.links());
}

/** Looks until there is one. @returns undefined where the time has passed. */
async function awaitLink(look: () => Link | undefined, context: FindContext): Promise<Link | undefined> {
  const drivers = new NetworkDrivers(context);
  const lookOrHelp = (): Link | undefined => {
    const link = look();
    if (link === undefined) drivers.loadMissing();
    return link;
  };
  const { uevents, config } = context;
  try {
    return await waitForDevice(uevents, config.hotplugTimeoutMs, 'of a network interface', lookOrHelp);
  } catch (error) {
    if (error instanceof KataError && error.code === 'ERR_DEADLINE') return undefined;
    throw error;
  }
}

/**
 * Finds the link by its place on the PCI bus, else by its hardware address; waits for one that is not there yet.
 * @param devicePath the place as the request spells it.
 * @param claimed indices of links that earlier requests have found.
 * @throws KataError ERR_NOT_FOUND (INTERNAL on the wire) when the time has passed. Where it is about the hardware
 *   address, the message has `Link not found`, upon which the shim tries again.
 */
export async function findLink(
  { name, mac, pciPath }: InterfacePlan,
  devicePath: string,
  claimed: ReadonlySet<number>,
  context: FindContext,
): Promise<Link> {
  const status = GrpcStatus.INTERNAL;
  if (pciPath !== undefined) {
    const link = await awaitLink(() => byPciPath(linksNow(), pciPath), context);
    if (link !== undefined) return link;
    const message = `interface not available within ${context.config.hotplugTimeoutMs} ms at PCI path ${JSON.stringify(devicePath)}`;
    throw new KataError('ERR_NOT_FOUND', message, { status });
  }
  const address = mac ?? new Uint8Array();
  const link =
    (await awaitLink(() => byAddress(linksNow(), address, name), context)) ?? onlyUnclaimed(linksNow(), name, claimed);
  if (link !== undefined) return link;
  throw new KataError('ERR_NOT_FOUND', `Link not found (Address: ${formatMac(address).toLowerCase()})`, { status });
}

/**
 * A link by its name.
 * @param field of the request that has the name, for the error.
 * @throws KataError ERR_NOT_FOUND (INTERNAL on the wire).
 */
export function linkNamed(links: readonly Link[], name: string, field: string): Link {
  const link = links.find((each) => each.name === name);
  if (link !== undefined) return link;
  throw new KataError('ERR_NOT_FOUND', `${field}: there is no interface ${JSON.stringify(name)}`, {
    status: GrpcStatus.INTERNAL,
  });
}
