/** The handlers of calls about processes. */
import type { CallContext, Handlers } from '../../wire/ttrpc/router.ts';
import type { ContainerProcess } from '../container/process.ts';
import { SIGKILL } from '../container/sigterm.ts';
import type { AgentContext } from '../context.ts';
import { type Sandbox, unknownProcess } from '../sandbox/sandbox.ts';

/** A process whose status can still be asked for. @throws KataError as Sandbox.process. */
export function collectable(found: ContainerProcess, execId: string): ContainerProcess {
  if (!found.collectable) throw unknownProcess(execId);
  return found;
}

async function signal(sandbox: Sandbox, containerId: string, execId: string, number: number): Promise<void> {
  // Without an exec id the kill is meant for the container, not only for its first process.
  if (execId === '' && number === SIGKILL) {
    sandbox.container(containerId).killAll();
    return;
  }
  collectable(await sandbox.startedProcess(containerId, execId), execId).signal(number);
}

/** Makes the handlers. */
export function processHandlers({ sandbox }: Pick<AgentContext, 'sandbox'>) {
  return {
    ExecProcess: async (request) => {
      await sandbox.container(request.container_id).exec(request);
      return {};
    },
    SignalProcess: async ({ container_id: containerId, exec_id: execId, signal: number }) => {
      await signal(sandbox, containerId, execId, number);
      return {};
    },
    WaitProcess: async ({ container_id: containerId, exec_id: execId }, { signal: gone }: CallContext) => ({
      status: await collectable(sandbox.process(containerId, execId), execId).wait(gone),
    }),
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
