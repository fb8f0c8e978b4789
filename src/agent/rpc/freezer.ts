/** The handlers of PauseContainer and ResumeContainer. */
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';

/** Makes the handlers. The other calls that change a container answer INTERNAL where there is none; these two do not. */
export function freezerHandlers({ sandbox }: Pick<AgentContext, 'sandbox'>) {
  return {
    PauseContainer: async ({ container_id: id }) => {
      await sandbox.observedContainer(id).pause();
      return {};
    },
    ResumeContainer: async ({ container_id: id }) => {
      await sandbox.observedContainer(id).resume();
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
