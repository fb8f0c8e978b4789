/** The handlers of calls about containers. */
import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import type { AgentContext } from '../context.ts';
import { fulfilledWithin } from '../process/within.ts';

const MS_PER_SECOND = 1000;

/** Makes the handlers. */
export function containerHandlers({ sandbox, logger }: Pick<AgentContext, 'sandbox' | 'logger'>) {
  return {
    CreateContainer: async (request) => {
      await sandbox.createContainer(request);
      return {};
    },
    StartContainer: async ({ container_id: id }) => {
      await sandbox.container(id).start();
      return {};
    },
    RemoveContainer: async ({ container_id: id, timeout }) => {
      const removed = sandbox.removeContainer(id);
      if (timeout === 0) {
        await removed;
        return {};
      }
      // It goes on after the time is over, when nobody is there to be told how it ends.
      removed.catch((error: unknown) => logger.debug({ error, 'container-id': id }, 'removal failed'));
      if (await fulfilledWithin(removed, timeout * MS_PER_SECOND)) return {};
      throw new KataError('ERR_DEADLINE', `ETIME: container ${id} was not removed within ${timeout} s`, {
        status: GrpcStatus.INTERNAL,
      });
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
