/** A sandbox that another process keeps, joined from this one. */
import { KataError } from '../wire/error.ts';
import { AgentClient } from '../wire/ttrpc/agent-client.ts';
import { TtrpcClient } from '../wire/ttrpc/client.ts';
import { AGENT_PORT } from './agent-connection.ts';
import { Container } from './container.ts';
import { readContainer, recordedContainers } from './container-record.ts';
import { checkName } from './name.ts';
import { RUN_ROOT } from './paths.ts';
import { isAlive } from './state/owner.ts';
import { StateDirectory } from './state/state-dir.ts';
import { Timeline } from './timeline.ts';
import { UnaryStreams } from './unary-streams.ts';
import type { VsockConnector } from './vsock/guest-vsock.ts';
import { connectorOf } from './vsock-choice.ts';

/** The agent of a running sandbox accepts within milliseconds, one of a busy machine within seconds (ms). */
const CONNECT_TIMEOUT_MS = 10_000;

/** A way into a sandbox. It is closed when it is no longer used; the sandbox goes on. */
export class RunningSandbox {
  readonly id: string;
  /** The agent's calls, for what this class does not offer. */
  readonly calls: AgentClient;
  /** The guest's ports. */
  readonly vsock: VsockConnector;
  readonly #directory: string;
  readonly #client: TtrpcClient;

  /** Made by {@link connectToSandbox}. */
  constructor(state: StateDirectory, vsock: VsockConnector, client: TtrpcClient) {
    this.id = state.id;
    this.vsock = vsock;
    this.calls = new AgentClient(client);
    this.#directory = state.path;
    this.#client = client;
  }

  /** Resolves with the reason when the connection to the agent has ended; never rejects. */
  get closed(): Promise<KataError> {
    return this.#client.closed;
  }

  /** Ids of the sandbox's containers. */
  containers(): string[] {
    return recordedContainers(this.#directory);
  }

  /**
   * One of its containers. Its first process is read by calls, so only where its keeper does not read it; its removal is
   * the guest's part only, since its mounts on the host belong to the keeper.
   * @throws KataError ERR_NOT_FOUND.
   */
  container(id: string): Container {
    const { calls, vsock } = this;
    const streams = new UnaryStreams(calls, { containerId: id, execId: id });
    const host = { calls, vsock, timeline: new Timeline(), release: () => Promise.resolve() };
    return new Container(readContainer(this.#directory, checkName('container', id)), streams, host);
  }

  /** Closes the connection to the agent. Calls without an answer fail; what was started goes on. */
  close(): void {
    this.#client.close();
  }
}

/**
 * Joins a sandbox that runs.
 * @throws KataError ERR_NOT_FOUND where none of that name runs; ERR_UNAVAILABLE where its agent does not answer yet, or
 *   no more.
 */
export async function connectToSandbox(name: string): Promise<RunningSandbox> {
  const state = new StateDirectory(RUN_ROOT, checkName('sandbox', name));
  const owner = state.owner();
  if (owner === undefined || !isAlive(owner)) {
    throw new KataError('ERR_NOT_FOUND', `no sandbox ${name} is running`);
  }
  const vsock = connectorOf(state);
  return new RunningSandbox(state, vsock, new TtrpcClient(await vsock.connect(AGENT_PORT, CONNECT_TIMEOUT_MS)));
}
