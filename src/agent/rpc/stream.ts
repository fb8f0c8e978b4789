/** The handlers of calls about the streams of processes. */
import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import type { CallContext, Handlers } from '../../wire/ttrpc/router.ts';
import { checkTerminalSize } from '../container/oci-spec/terminal-size.ts';
import type { ContainerProcess } from '../container/process.ts';
import type { AgentContext } from '../context.ts';
import { unknownProcess } from '../sandbox/sandbox.ts';
import { collectable } from './process.ts';

type OutputName = 'stdout' | 'stderr';

/** Makes the handlers. */
export function streamHandlers({ sandbox }: Pick<AgentContext, 'sandbox'>) {
  const find = (containerId: string, execId: string): ContainerProcess =>
    collectable(sandbox.process(containerId, execId), execId);

  /** A write answers INTERNAL where the other calls say what is unknown. */
  const findWritten = (containerId: string, execId: string): ContainerProcess => {
    try {
      return find(containerId, execId);
    } catch (error) {
      const { code, message } = KataError.from(error);
      throw new KataError(code, message, { cause: error, status: GrpcStatus.INTERNAL });
    }
  };

  const read = async (name: OutputName, request: grpc.ReadStreamRequest, signal: AbortSignal) => {
    const { container_id: containerId, exec_id: execId, len: length } = request;
    const found = sandbox.process(containerId, execId);
    // Output that was not read yet is still there for a reader who asked for the status first.
    if (!found.collectable && found[name].isOver) throw unknownProcess(execId);
    if (length === 0) throw new KataError('ERR_INVALID_ARGUMENT', 'len: 0 is no length to read');
    return { data: await found[name].read(length, signal) };
  };

  return {
    WriteStdin: async ({ container_id: containerId, exec_id: execId, data }, { signal }: CallContext) => {
      const { stdin } = findWritten(containerId, execId);
      if (data.length === 0) stdin.end();
      else await stdin.write(data, signal);
      return { len: data.length };
    },
    ReadStdout: (request, { signal }: CallContext) => read('stdout', request, signal),
    ReadStderr: (request, { signal }: CallContext) => read('stderr', request, signal),
    CloseStdin: ({ container_id: containerId, exec_id: execId }) => {
      find(containerId, execId).stdin.end();
      return {};
    },
    TtyWinResize: ({ container_id: containerId, exec_id: execId, row: rows, column: columns }) => {
      const { terminal } = find(containerId, execId);
      if (terminal === undefined) throw new KataError('ERR_UNAVAILABLE', 'no tty');
      terminal.resize(checkTerminalSize('TtyWinResize', { rows, columns }));
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
