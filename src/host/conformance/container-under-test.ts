/** A container of a scenario, made by the calls of the shim alone. */
import type { grpc } from '../../wire/generated/proto.js';
import type { AgentClient } from '../../wire/ttrpc/agent-client.ts';
import { buildSpec, DEFAULT_PATH } from '../oci-spec/spec.ts';
import { type TerminalSize, terminalFields } from '../oci-spec/terminal.ts';
import { type Ended, ProcessUnderTest } from './process-under-test.ts';

const SIGKILL = 9;
const ROOT_USER = { uid: 0, gid: 0, additionalGids: [] };

/** What a container shall be. */
export interface ContainerWish {
  readonly args: readonly string[];
  readonly terminal?: TerminalSize;
  /** Changes the request, whose specification is that of an ordinary container. */
  readonly change?: (request: grpc.ICreateContainerRequest, spec: grpc.ISpec) => void;
}

/** What an exec shall be. */
export interface ExecWish {
  readonly args: readonly string[];
  readonly terminal?: TerminalSize;
  readonly change?: (process: grpc.IProcess) => void;
}

/** See above. */
export class ContainerUnderTest {
  readonly id: string;
  /** Its first process. */
  readonly init: ProcessUnderTest;
  readonly #calls: AgentClient;
  readonly #root: string;
  #execs = 0;
  #state: 'absent' | 'made' | 'removed' = 'absent';

  constructor(calls: AgentClient, id: string, root: string) {
    this.#calls = calls;
    this.id = id;
    this.#root = root;
    this.init = new ProcessUnderTest(calls, { container_id: id, exec_id: id });
  }

  /** @throws KataError as the agent answers. */
  async create({ args, terminal, change }: ContainerWish): Promise<void> {
    const spec = buildSpec({
      containerId: this.id,
      args,
      env: [],
      cwd: '/',
      user: ROOT_USER,
      hostname: '',
      rootPath: this.#root,
      readOnlyRoot: false,
      volumes: [],
      terminal,
    });
    const request: grpc.ICreateContainerRequest = { container_id: this.id, exec_id: this.id, OCI: spec };
    change?.(request, spec);
    await this.#calls.agent.CreateContainer(request);
    this.#state = 'made';
  }

  /** @throws KataError as the agent answers. */
  async start(): Promise<void> {
    await this.#calls.agent.StartContainer({ container_id: this.id });
  }

  /** Another process in it. @throws KataError as the agent answers. */
  async exec({ args, terminal, change }: ExecWish, execId = this.newExecId()): Promise<ProcessUnderTest> {
    const process: grpc.IProcess = {
      Args: [...args],
      Env: [DEFAULT_PATH],
      Cwd: '/',
      User: {},
      ...terminalFields(terminal),
    };
    change?.(process);
    const identity = { container_id: this.id, exec_id: execId };
    await this.#calls.agent.ExecProcess({ ...identity, process });
    return new ProcessUnderTest(this.#calls, identity);
  }

  /** A line for the shell, run to its end. */
  async shell(script: string): Promise<Ended> {
    const process = await this.exec({ args: ['sh', '-c', script] });
    return await process.toEnd();
  }

  /** An id that none of its execs has had. */
  newExecId(): string {
    this.#execs += 1;
    return `exec-${this.#execs}`;
  }

  /** Kills all that runs in it, as the shim does. */
  async kill(): Promise<void> {
    await this.#calls.agent.SignalProcess({ container_id: this.id, exec_id: '', signal: SIGKILL });
  }

  /** Kills and removes it, in the shim's order. Nothing is done for one that is not there. */
  async remove(calls: AgentClient = this.#calls): Promise<void> {
    if (this.#state !== 'made') return;
    // One that has ended is removed as well.
    await calls.agent.SignalProcess({ container_id: this.id, exec_id: '', signal: SIGKILL }).catch(() => {});
    await calls.agent.RemoveContainer({ container_id: this.id });
    this.#state = 'removed';
  }

  /** Marks it as removed, by a call that a scenario has made itself. */
  wasRemoved(): void {
    this.#state = 'removed';
  }
}
