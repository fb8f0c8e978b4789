/** Chooses how the bytes of a new process travel. */
import { KataError } from '../wire/error.ts';
import type { AgentClient } from '../wire/ttrpc/agent-client.ts';
import { PASSFD_PORT, PassfdStreams } from './passfd-streams.ts';
import type { ProcessStreams, StreamKind } from './process-streams.ts';
import { type ProcessIdentity, UnaryStreams } from './unary-streams.ts';
import type { VsockConnector } from './vsock/guest-vsock.ts';

/** The process, and the ways to its guest. */
export interface StreamTarget {
  readonly calls: AgentClient;
  readonly vsock: VsockConnector;
  readonly identity: ProcessIdentity;
  readonly terminal: boolean;
}

/**
 * Opens the streams of a process that is about to be made; its request must name their ports.
 * @param wanted undefined takes connections where the agent offers them, and calls where it does not.
 * @throws KataError ERR_FAILED_PRECONDITION where connections are wanted and not offered.
 */
export async function openStreams(target: StreamTarget, wanted: StreamKind | undefined): Promise<ProcessStreams> {
  const unary = new UnaryStreams(target.calls, target.identity);
  if (wanted === 'unary') return unary;
  const passfd = await PassfdStreams.open(target.vsock, target.terminal);
  if (passfd === undefined && wanted === 'passfd') {
    throw new KataError('ERR_FAILED_PRECONDITION', `the agent takes no streams at port ${PASSFD_PORT}`);
  }
  return passfd ?? unary;
}
