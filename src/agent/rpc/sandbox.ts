/** The handlers of calls about the sandbox as a whole. */
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';

/** Makes the handlers. */
export function sandboxHandlers({ sandbox, shutdown }: Pick<AgentContext, 'sandbox' | 'shutdown'>) {
  return {
    CreateSandbox: async (request) => {
      await sandbox.create(request);
      return {};
    },
    DestroySandbox: async () => {
      await sandbox.destroy();
      shutdown();
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
