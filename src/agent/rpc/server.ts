/** All handlers of the agent. */
import { Router } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';
import { containerHandlers } from './container.ts';
import { freezerHandlers } from './freezer.ts';
import { guestDetailsHandlers } from './guest-details.ts';
import { healthHandlers } from './health.ts';
import { oomHandlers } from './oom.ts';
import { processHandlers } from './process.ts';
import { sandboxHandlers } from './sandbox.ts';
import { streamHandlers } from './stream.ts';

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
  };
}

/** Makes the router of the agent's services. */
export function createAgentRouter(context: AgentContext): Router {
  return new Router().register('grpc.Health', healthHandlers()).register('grpc.AgentService', agentHandlers(context));
}
