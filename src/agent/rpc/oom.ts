/** The handler of GetOOMEvent. */
import type { CallContext, Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';

/** Makes the handler. */
export function oomHandlers({ oom }: Pick<AgentContext, 'oom'>) {
  return {
    GetOOMEvent: async (_request, { signal }: CallContext) => ({ container_id: await oom.next(signal) }),
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
