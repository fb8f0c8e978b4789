/** The handlers of calls about processes and their streams. */

import { KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import type { CallContext, Handlers } from '../../wire/ttrpc/router.ts';
import type { ContainerProcess } from '../container/process.ts';
import { SIGKILL } from '../container/sigterm.ts';
import type { AgentContext } from '../context.ts';
import { unknownProcess } from '../sandbox/sandbox.ts';

type OutputName = 'stdout' | 'stderr';

/** Makes the handlers. */
export function processHandlers({ sandbox }: Pick<AgentContext, 'sandbox'>) {
  const find = (containerId: string, execId: string): ContainerProcess => {
    const found = sandbox.process(containerId, execId);
    if (!found.collectable) throw unknownProcess(execId);
    return found;
  };

  const read = async (name: OutputName, request: grpc.ReadStreamRequest, signal: AbortSignal) => {
    const { container_id: containerId, exec_id: execId, len: length } = request;
    const found = sandbox.process(containerId, execId);
    // Output that was not read yet is still there for a reader who asked for the status first.
    if (!found.collectable && found[name].ended) throw unknownProcess(execId);
    if (length === 0) throw new KataError('ERR_INVALID_ARGUMENT', 'len: 0 is no length to read');
    return { data: await found[name].read(length, signal) };
  };

  return {
    SignalProcess: ({ container_id: containerId, exec_id: execId, signal }) => {
      // Without an exec id the kill is meant for the container, not only for its first process.
      if (execId === '' && signal === SIGKILL) sandbox.container(containerId).killAll();
      else find(containerId, execId).signal(signal);
      return {};
    },
    WaitProcess: async ({ container_id: containerId, exec_id: execId }, { signal }: CallContext) => ({
      status: await find(containerId, execId).wait(signal),
    }),
    ReadStdout: (request, { signal }: CallContext) => read('stdout', request, signal),
    ReadStderr: (request, { signal }: CallContext) => read('stderr', request, signal),
    CloseStdin: ({ container_id: containerId, exec_id: execId }) => {
      find(containerId, execId).closeStdin();
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
