/** All handlers of the agent, a file per family. */
import type { AgentContext } from '../context.ts';
import { containerHandlers } from './container.ts';
import { copyFileHandlers } from './copy-file.ts';
import { freezerHandlers } from './freezer.ts';
import { guestAdminHandlers } from './guest-admin.ts';
import { guestDetailsHandlers } from './guest-details.ts';
import { iptablesHandlers } from './iptables.ts';
import { metricsHandlers } from './metrics.ts';
import { networkHandlers } from './network.ts';
import { oomHandlers } from './oom.ts';
import { processHandlers } from './process.ts';
import { resourcesHandlers } from './resources.ts';
import { sandboxHandlers } from './sandbox.ts';
import { shareHandlers } from './share.ts';
import { statsHandlers } from './stats.ts';
import { streamHandlers } from './stream.ts';
import { swapHandlers } from './swap.ts';
import { volumeHandlers } from './volume.ts';

/** The handlers of grpc.AgentService; a method that is not among them answers UNIMPLEMENTED. */
export function agentHandlers(context: AgentContext) {
  return {
    ...sandboxHandlers(context),
    ...guestDetailsHandlers(),
    ...containerHandlers(context),
    ...processHandlers(context),
    ...streamHandlers(context),
    ...freezerHandlers(context),
    ...oomHandlers(context),
    ...networkHandlers(context),
    ...iptablesHandlers(context),
    ...statsHandlers(context),
    ...metricsHandlers(context),
    ...resourcesHandlers(context),
    ...guestAdminHandlers(context),
    ...swapHandlers(context),
    ...volumeHandlers(context),
    ...copyFileHandlers(context),
    ...shareHandlers(context),
  };
}
