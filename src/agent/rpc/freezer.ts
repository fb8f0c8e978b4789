/** The handlers of PauseContainer and ResumeContainer. */
import { KataError } from '../../wire/error.ts';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { Container } from '../container/container.ts';
import type { AgentContext } from '../context.ts';

/** Makes the handlers. */
export function freezerHandlers({ sandbox }: Pick<AgentContext, 'sandbox'>) {
  const find = (id: string): Container => {
    try {
      return sandbox.container(id);
    } catch (error) {
      if (!(error instanceof KataError && error.code === 'ERR_NOT_FOUND')) throw error;
      // The other calls that change a container answer INTERNAL for one that there is not; these two do not.
      throw new KataError('ERR_INVALID_ARGUMENT', error.message);
    }
  };
  return {
    PauseContainer: async ({ container_id: id }) => {
      await find(id).pause();
      return {};
    },
    ResumeContainer: async ({ container_id: id }) => {
      await find(id).resume();
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
