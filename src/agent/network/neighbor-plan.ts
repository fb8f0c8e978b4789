/** What AddARPNeighbors is asked to do, checked before anything is done. */
import { type Neighbor, NUD_PERMANENT } from '../../linux/rtnetlink-neighbor.ts';
import type { types } from '../../wire/generated/proto.js';
import { badField } from '../container/oci-spec/bad-field.ts';
import { bounded } from './bounded.ts';
import { parseIp } from './ip-address.ts';
import { parseMac } from './mac-address.ts';

/** Widths of the kernel's fields: struct ndmsg of linux/neighbour.h. */
const MAX_STATE = 0xffff;
const MAX_FLAGS = 0xff;

/** A checked neighbour of a request. */
export interface NeighborPlan {
  /** Where the request has it, such as `neighbors.ARPNeighbors[0]`. */
  readonly field: string;
  /** Name of the interface. */
  readonly device: string;
  readonly neighbor: Omit<Neighbor, 'link'>;
  /** Such as `neighbour 10.1.0.1 dev eth0`. */
  readonly label: string;
}

/**
 * Checks the neighbours of a request.
 * @throws KataError ERR_INVALID_ARGUMENT (INTERNAL on the wire) that names field and value.
 */
export function planNeighbors(neighbors: readonly types.ARPNeighbor[]): NeighborPlan[] {
  return bounded('neighbors.ARPNeighbors', neighbors).map((neighbor, index) =>
    planNeighbor(neighbor, `neighbors.ARPNeighbors[${index}]`),
  );
}

function planNeighbor({ toIPAddress, device, lladdr, state, flags }: types.ARPNeighbor, field: string): NeighborPlan {
  const text = toIPAddress?.address ?? '';
  const destination = parseIp(text);
  if (destination === undefined) throw badField(`${field}.toIPAddress.address`, text, 'is no IP address');
  const address = lladdr === '' ? undefined : parseMac(lladdr);
  if (address === undefined && lladdr !== '') {
    throw badField(`${field}.lladdr`, lladdr, 'is no hardware address of six bytes');
  }
  if (state < 0 || state > MAX_STATE) throw badField(`${field}.state`, state, `is not from 0 to ${MAX_STATE}`);
  if (flags < 0 || flags > MAX_FLAGS) throw badField(`${field}.flags`, flags, `is not from 0 to ${MAX_FLAGS}`);
  const neighbor = { destination, address, state: state === 0 ? NUD_PERMANENT : state, flags };
  return { field, device, neighbor, label: `neighbour ${text} dev ${device}` };
}
