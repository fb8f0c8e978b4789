/** The handler of StatsContainer. */
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';
import { statsOf } from '../stats/container-stats.ts';
import { networkStats } from '../stats/network.ts';

/** Makes the handler. */
export function statsHandlers({ sandbox }: Pick<AgentContext, 'sandbox'>) {
  return {
    // It takes no turn among the calls that change the container: a stop must not wait for a look, nor a look for a stop.
    StatsContainer: ({ container_id: id }) => ({
      cgroup_stats: statsOf(sandbox.observedContainer(id).cgroup.directories),
      network_stats: networkStats(),
    }),
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
