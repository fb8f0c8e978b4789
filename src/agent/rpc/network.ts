/** The handlers of the calls about interfaces, routes and neighbours. */
import { KataError } from '../../wire/error.ts';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import { addNeighbors } from '../network/add-neighbors.ts';
import type { FindContext } from '../network/find-link.ts';
import { listInterfaces, updateInterface } from '../network/update-interface.ts';
import { listRoutes, updateRoutes } from '../network/update-routes.ts';

/** A part that a request must have. */
function required<T>(part: T | null | undefined, problem: string): T {
  if (part === null || part === undefined) throw new KataError('ERR_INVALID_ARGUMENT', problem);
  return part;
}

/** Makes the handlers. */
export function networkHandlers(context: FindContext) {
  const claimed = new Set<number>();
  return {
    UpdateInterface: async ({ interface: wanted }) => {
      const request = required(wanted, 'empty update interface request');
      await updateInterface(request, claimed, context);
      return request;
    },
    UpdateRoutes: ({ routes }) => {
      updateRoutes(required(routes, 'empty update routes request').Routes, context.logger);
      return { Routes: listRoutes() };
    },
    ListInterfaces: () => ({ Interfaces: listInterfaces() }),
    ListRoutes: () => ({ Routes: listRoutes() }),
    AddARPNeighbors: ({ neighbors }) => {
      addNeighbors(required(neighbors, 'empty add arp neighbours request').ARPNeighbors, context.logger);
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
