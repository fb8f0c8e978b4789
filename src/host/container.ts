/** A container of a running sandbox. */
import { KataError } from '../wire/error.ts';
import type { AgentClient } from '../wire/ttrpc/agent-client.ts';
import type { Sink } from './output.ts';
import type { Timeline } from './timeline.ts';

/** Bytes asked for by one read: what Kata's shim asks for. */
const READ_BYTES = 32 * 1024;
/** Limit of a call that does its work before it answers (ms): the shim's. */
export const CALL_TIMEOUT_MS = 60_000;
const SIGKILL = 9;

/** Where a process's output goes. */
export interface ProcessOutput {
  readonly stdout: Sink;
  readonly stderr: Sink;
}

/** What a container needs of its sandbox. */
export interface ContainerHost {
  readonly calls: AgentClient;
  readonly timeline: Timeline;
  /** Takes the container's mounts back. */
  releaseShare(): Promise<void>;
}

/** A container that the agent has created. */
export class Container {
  readonly id: string;
  readonly #host: ContainerHost;

  /** Containers are made by `Sandbox.createContainer`. */
  constructor(id: string, host: ContainerHost) {
    this.id = id;
    this.#host = host;
  }

  /** Releases the program. @throws KataError as the agent answers, ERR_DEADLINE after a minute. */
  async start(): Promise<void> {
    await this.#host.calls.agent.StartContainer({ container_id: this.id }, { timeoutMs: CALL_TIMEOUT_MS });
    this.#host.timeline.reach('container started');
  }

  /**
   * Carries the program's output until both streams have ended, which is after the program and everything that holds
   * its pipes. No byte is lost, and a slow sink slows the program.
   * @throws KataError of a sink that fails, or ERR_UNAVAILABLE where the machine is lost.
   */
  async carryOutput(output: ProcessOutput): Promise<void> {
    const { agent } = this.#host.calls;
    const request = { container_id: this.id, exec_id: this.id, len: READ_BYTES };
    await Promise.all([
      this.#carry(() => agent.ReadStdout(request), output.stdout),
      this.#carry(() => agent.ReadStderr(request), output.stderr),
    ]);
  }

  /** Waits for the program's end, without a limit. @returns its exit code; 128 + n where signal n ended it. */
  async wait(): Promise<number> {
    const { status } = await this.#host.calls.agent.WaitProcess({ container_id: this.id, exec_id: this.id });
    return status;
  }

  /** Sends a signal to the container's first process; SIGKILL goes to all of the container. */
  async signal(signal: number): Promise<void> {
    const request = { container_id: this.id, exec_id: '', signal };
    await this.#host.calls.agent.SignalProcess(request, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** Gives the program the end of its input. An agent that has no such call leaves the input open. */
  async closeInput(): Promise<void> {
    const request = { container_id: this.id, exec_id: this.id };
    try {
      await this.#host.calls.agent.CloseStdin(request, { timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      // The program may have ended already; then there is no input to close.
      if (!isCode(error, 'ERR_UNIMPLEMENTED', 'ERR_NOT_FOUND', 'ERR_INVALID_ARGUMENT', 'ERR_FAILED_PRECONDITION'))
        throw error;
    }
  }

  /** Kills what still runs in the container and removes it, in the guest and on the host. */
  async remove(): Promise<void> {
    try {
      // The container may have ended by itself; its removal decides.
      await this.signal(SIGKILL).catch(() => {});
      await this.#host.calls.agent.RemoveContainer({ container_id: this.id }, { timeoutMs: CALL_TIMEOUT_MS });
    } finally {
      await this.#host.releaseShare();
    }
  }

  async #carry(read: () => Promise<{ data: Uint8Array }>, sink: Sink): Promise<void> {
    for (;;) {
      const data = await readNext(read);
      if (data.length === 0) return;
      this.#host.timeline.reach('first byte');
      await sink(data);
    }
  }
}

/**
 * The next bytes of a stream, none at its end. Agents mark the end by an answer without data or by an error: an
 * answer that is an error ends the stream, whatever it says, but a lost connection is passed on.
 */
async function readNext(read: () => Promise<{ data: Uint8Array }>): Promise<Uint8Array> {
  try {
    return (await read()).data;
  } catch (error) {
    if (isCode(error, 'ERR_UNAVAILABLE', 'ERR_CANCELLED', 'ERR_PROTOCOL', 'ERR_BOOT')) throw error;
    return new Uint8Array();
  }
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof KataError && codes.includes(error.code);
}
