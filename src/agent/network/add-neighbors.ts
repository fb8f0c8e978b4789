/** The call that sets entries of the neighbour tables by hand. */
import { type Rtnetlink, withRtnetlink } from '../../linux/rtnetlink.ts';
import type { Neighbor } from '../../linux/rtnetlink-neighbor.ts';
import { hasErrno } from '../../wire/error.ts';
import type { types } from '../../wire/generated/proto.js';
import type { Logger } from '../log/logger.ts';
import { linkNamed } from './find-link.ts';
import { planNeighbors } from './neighbor-plan.ts';
import { allOrNone } from './undo.ts';

/** A neighbour replaces the one with the same key. */
function keyOf({ link, destination }: Neighbor): string {
  return `${link} ${Buffer.from(destination).toString('hex')}`;
}

function removeNeighbor(tables: Rtnetlink, neighbor: Neighbor, label: string): void {
  try {
    tables.deleteNeighbor(neighbor, `remove ${label}`);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
}

/**
 * Sets neighbours, each in the place of an entry for the same address.
 * @throws KataError (INTERNAL on the wire): a bad field, an unknown interface, or what the kernel refused. The table is
 *   then as it was before.
 */
export function addNeighbors(requests: readonly types.ARPNeighbor[], logger: Logger): void {
  const plans = planNeighbors(requests);
  withRtnetlink((tables) => {
    const links = tables.links();
    const neighbors = plans.map(({ field, device, neighbor, label }) => ({
      neighbor: { ...neighbor, link: linkNamed(links, device, `${field}.device`).index },
      label,
    }));
    const present = Map.groupBy(tables.neighbors(), keyOf);
    allOrNone(logger, (undo) => {
      for (const { neighbor, label } of neighbors) {
        const former = present.get(keyOf(neighbor))?.[0];
        // Before it is tried: the kernel leaves an empty entry behind when it refuses a new one.
        undo.push(() => {
          if (former === undefined) removeNeighbor(tables, neighbor, label);
          else tables.replaceNeighbor(former, `put back the former ${label}`);
        });
        tables.replaceNeighbor(neighbor, `add ${label}`);
      }
    });
  });
}
