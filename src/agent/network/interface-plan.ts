/** What UpdateInterface is asked to do, checked before anything is done. */

import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { types } from '../../wire/generated/proto.js';
import { badField } from '../container/oci-spec/bad-field.ts';
import { exact } from '../container/oci-spec/number.ts';
import { type PciPath, parsePciPath } from '../device/pci-path.ts';
import { bounded } from './bounded.ts';
import { bitsOf, parseIp, parsePrefixLength } from './ip-address.ts';
import { parseMac } from './mac-address.ts';

/** IFNAMSIZ of linux/if.h without the NUL (bytes). */
export const MAX_NAME_BYTES = 15;
const MAX_MTU = 0xffff_ffffn;
/** The one flag that a request can set, linux/if.h; the shim sends no other. */
const IFF_NOARP = 0x80;

/** An address that a link shall have. */
export interface AddressPlan {
  /** Four bytes or sixteen. */
  readonly address: Uint8Array;
  readonly prefixLength: number;
}

/** The checked request. */
export interface InterfacePlan {
  readonly name: string;
  /** By which the link is found; undefined where the request names its place on the PCI bus alone. */
  readonly mac: Uint8Array | undefined;
  readonly pciPath: PciPath | undefined;
  readonly addresses: readonly AddressPlan[];
  /** Bytes; undefined leaves it as it is. */
  readonly mtu: number | undefined;
  /** The link is not to ask for its neighbours' hardware addresses. */
  readonly noArp: boolean;
}

/**
 * Checks a request.
 * @throws KataError ERR_INVALID_ARGUMENT (INTERNAL on the wire) that names field and value.
 */
export function planInterface(request: types.Interface): InterfacePlan {
  const { name, hwAddr, devicePath } = request;
  // What dev_valid_name of net/core/dev.c takes, and no colon, which older programs take for an alias.
  if (name === '' || name === '.' || name === '..' || /[/:\s\0]/.test(name) || !fits(name)) {
    throw badField('interface.name', name, `is no interface name of 1 to ${MAX_NAME_BYTES} bytes`);
  }
  const mac = hwAddr === '' && devicePath !== '' ? undefined : parseMac(hwAddr);
  if (mac === undefined && (hwAddr !== '' || devicePath === '')) {
    throw badField('interface.hwAddr', hwAddr, 'is no hardware address of six bytes');
  }
  return {
    name,
    mac,
    pciPath: devicePath === '' ? undefined : pciPathIn(devicePath),
    addresses: bounded('interface.IPAddresses', request.IPAddresses).map(planAddress),
    mtu: mtuIn(request),
    noArp: (request.raw_flags & IFF_NOARP) !== 0,
  };
}

function fits(name: string): boolean {
  return name.isWellFormed() && Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

function pciPathIn(text: string): PciPath {
  const path = parsePciPath(text);
  if (path !== undefined) return path;
  const message = `Invalid PCI path in interface.devicePath: ${JSON.stringify(text)}`;
  throw new KataError('ERR_INVALID_ARGUMENT', message, { status: GrpcStatus.INTERNAL });
}

function planAddress({ address: text, mask }: types.IPAddress, index: number): AddressPlan {
  const address = parseIp(text);
  if (address === undefined) throw badField(`interface.IPAddresses[${index}].address`, text, 'is no IP address');
  const prefixLength = parsePrefixLength(mask, bitsOf(address));
  if (prefixLength === undefined) {
    throw badField(`interface.IPAddresses[${index}].mask`, mask, `is no number from 0 to ${bitsOf(address)}`);
  }
  return { address, prefixLength };
}

function mtuIn({ mtu }: types.Interface): number | undefined {
  const value = exact(mtu);
  if (value > MAX_MTU) throw badField('interface.mtu', value.toString(), `is more than ${MAX_MTU}`);
  return value === 0n ? undefined : Number(value);
}
