/** Gives a link its name, addresses and the rest. */
import type { Rtnetlink } from '../../linux/rtnetlink.ts';
import { AF_INET6, familyOf, IFA_F_NODAD, IFA_F_PERMANENT, type LinkAddress } from '../../linux/rtnetlink-address.ts';
import { IFF_NOARP, IFF_UP, type Link, type LinkChange } from '../../linux/rtnetlink-link.ts';
import type { Logger } from '../log/logger.ts';
import { type AddressPlan, type InterfacePlan, MAX_NAME_BYTES } from './interface-plan.ts';
import { broadcast, formatIp } from './ip-address.ts';
import { isIpv6Off } from './ipv6-switch.ts';
import { type LinkMemory, rememberLink, restoreLink } from './link-memory.ts';
import { allOrNone, type Undo } from './undo.ts';

/** Up to this length an IPv4 network has an address to reach all of it (RFC 3021). */
const LONGEST_WITH_BROADCAST = 30;
const TEMPORARY_SUFFIX = '_temp';

/** A name that no link has, for a link between its old name and its new one. */
export function temporaryName(name: string, taken: readonly string[]): string {
  for (let tries = 0; ; tries++) {
    const suffix = tries === 0 ? TEMPORARY_SUFFIX : `${TEMPORARY_SUFFIX}${tries}`;
    let start = name;
    while (Buffer.byteLength(start + suffix) > MAX_NAME_BYTES) start = [...start].slice(0, -1).join('');
    if (!taken.includes(start + suffix)) return start + suffix;
  }
}

/** One link's change to what a request wants; all of it is taken back where a part fails. */
class Configuration {
  readonly #tables: Rtnetlink;
  readonly #undo: Undo;
  readonly #logger: Logger;

  constructor(tables: Rtnetlink, undo: Undo, logger: Logger) {
    this.#tables = tables;
    this.#undo = undo;
    this.#logger = logger;
  }

  /** Makes a change that `back` takes back. */
  #set(index: number, change: LinkChange, back: LinkChange, what: string): void {
    this.#tables.setLink(index, change, what);
    this.#undo.push(() => this.#tables.setLink(index, back, `take back: ${what}`));
  }

  #setFlag({ index }: Link, mask: number, on: boolean, what: string): void {
    const values = (set: boolean): LinkChange => ({ flags: { mask, values: set ? mask : 0 } });
    this.#set(index, values(on), values(!on), what);
  }

  /** Takes a link down. @returns what brings back what it loses by that. */
  #lower(link: Link): LinkMemory | undefined {
    if ((link.flags & IFF_UP) === 0) return undefined;
    const memory = rememberLink(this.#tables, link.index);
    this.#undo.push(() => restoreLink(this.#tables, memory, link.name, this.#logger));
    this.#setFlag(link, IFF_UP, false, `set ${link.name} down`);
    return memory;
  }

  #raise(link: Link, name: string, memory: LinkMemory | undefined): void {
    const isUp = (link.flags & IFF_UP) !== 0 && memory === undefined;
    if (!isUp) this.#setFlag(link, IFF_UP, true, `set ${name} up`);
    if (memory !== undefined) restoreLink(this.#tables, memory, name, this.#logger);
  }

  /** Does all that the request wants of `target`. */
  apply(found: Link, plan: InterfacePlan): void {
    const links = this.#tables.links();
    const { index } = found;
    // Another request may have renamed it, or set it up, since it was found.
    const target = links.find((link) => link.index === index) ?? found;
    const { name: oldName, mtu: oldMtu } = target;
    const { name, mac, mtu } = plan;
    const owner = links.find((link) => link.name === name && link.index !== index);
    const isReaddressed = mac !== undefined && !Buffer.from(mac).equals(target.address);
    // A link that stays up keeps its routes; only name and hardware address need it down.
    const memory = oldName !== name || isReaddressed ? this.#lower(target) : undefined;
    const ownerMemory = owner === undefined ? undefined : this.#lower(owner);
    const taken = links.map((link) => link.name);
    const between = temporaryName(name, taken);
    if (owner !== undefined) this.#set(owner.index, { name: between }, { name }, `rename ${name} to ${between}`);
    if (oldName !== name) this.#set(index, { name }, { name: oldName }, `rename ${oldName} to ${name}`);
    if (owner !== undefined) {
      this.#set(owner.index, { name: oldName }, { name: between }, `rename ${between} to ${oldName}`);
    }
    if (isReaddressed) this.#set(index, { address: mac }, { address: target.address }, `set address of ${name}`);
    if (mtu !== undefined && mtu !== oldMtu) this.#set(index, { mtu }, { mtu: oldMtu }, `set mtu ${mtu} of ${name}`);
    if (plan.noArp && (target.flags & IFF_NOARP) === 0) this.#setFlag(target, IFF_NOARP, true, `set ${name} noarp`);
    this.#addAddresses(index, name, plan.addresses);
    this.#raise(target, name, memory);
    if (owner !== undefined && ownerMemory !== undefined) this.#raise(owner, oldName, ownerMemory);
  }

  #addAddresses(index: number, name: string, addresses: readonly AddressPlan[]): void {
    const own = this.#tables.addresses().filter((address) => address.index === index);
    const present = Map.groupBy(own, keyOf);
    const withoutIpv6 = isIpv6Off(name);
    for (const { address, prefixLength } of addresses) {
      if (withoutIpv6 && familyOf(address) === AF_INET6) {
        this.#logger.warn({ interface: name, address: formatIp(address) }, 'IPv6 is off; the address is left out');
      } else {
        const wantedAddress = linkAddress(index, address, prefixLength);
        this.#addAddress(name, wantedAddress, present.get(keyOf(wantedAddress)) ?? []);
      }
    }
  }

  /** @param same what the link has of the same address. */
  #addAddress(name: string, wanted: LinkAddress, same: readonly LinkAddress[]): void {
    const tables = this.#tables;
    const text = `address ${formatIp(wanted.local)}/${wanted.prefixLength} of ${name}`;
    const former = same.find(({ prefixLength }) => prefixLength === wanted.prefixLength);
    // An IPv6 address is there once, and the kernel leaves its prefix as it was when it is set again.
    const other = familyOf(wanted.local) === AF_INET6 && former === undefined ? same[0] : undefined;
    if (other !== undefined) {
      tables.deleteAddress(other, `remove the former ${text}`);
      this.#undo.push(() => tables.replaceAddress(other, `put back the former ${text}`));
    }
    tables.replaceAddress(wanted, `add ${text}`);
    if (former === undefined) this.#undo.push(() => tables.deleteAddress(wanted, `remove ${text}`));
  }
}

function keyOf({ local }: LinkAddress): string {
  return Buffer.from(local).toString('hex');
}

function linkAddress(index: number, address: Uint8Array, prefixLength: number): LinkAddress {
  const isV6 = familyOf(address) === AF_INET6;
  return {
    index,
    local: address,
    prefixLength,
    peer: address,
    broadcast: isV6 || prefixLength > LONGEST_WITH_BROADCAST ? undefined : broadcast(address, prefixLength),
    // The host's own network has given the address out; asking for it again would leave it unusable for a second, and
    // the kernel takes no route with a source that is not usable yet.
    flags: isV6 ? IFA_F_PERMANENT | IFA_F_NODAD : IFA_F_PERMANENT,
    scope: 0,
  };
}

/**
 * Gives a link the request's name, addresses, MTU and flags, and sets it up. A link that has the name gets this one's
 * old name in turn. Addresses that the request does not name stay.
 * @throws KataError ERR_SYSCALL with what was tried; everything is then as it was before.
 */
export function configureLink(tables: Rtnetlink, target: Link, plan: InterfacePlan, logger: Logger): void {
  allOrNone(logger, (undo) => new Configuration(tables, undo, logger).apply(target, plan));
}
