/** The agent's two services. */
import { Router } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';
import { agentHandlers } from './handlers.ts';
import { healthHandlers } from './health.ts';
import { NOT_SERVED } from './not-served.ts';

/** Makes the router of the agent's services. */
export function createAgentRouter(context: AgentContext): Router {
  return new Router()
    .register('grpc.Health', healthHandlers())
    .register('grpc.AgentService', agentHandlers(context))
    .refuse('grpc.AgentService', NOT_SERVED);
}
