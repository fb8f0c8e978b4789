/** A process in a container of a running sandbox. */
import type { Readable, Writable } from 'node:stream';
import type { AgentClient } from '../wire/ttrpc/agent-client.ts';
import { CALL_TIMEOUT_MS } from './agent-connection.ts';
import type { TerminalSize } from './oci-spec/terminal.ts';
import type { Sink } from './output.ts';
import type { ProcessStreams, StreamKind } from './process-streams.ts';
import type { Timeline } from './timeline.ts';
import type { ProcessIdentity } from './unary-streams.ts';

/** What a process's streams are joined with. */
export interface ProcessIo {
  /** Absent: the process finds the end of its input at once. */
  readonly stdin?: Readable | undefined;
  readonly stdout: Sink;
  /** Gets nothing of a process with a terminal, whose output is all one. */
  readonly stderr: Sink;
}

/** Options of `Container.exec`. */
export interface ExecOptions {
  readonly command: readonly string[];
  /** `NAME=value` each; they win over the container's. */
  readonly env?: readonly string[];
  /** Absolute; the container's own where it is absent. */
  readonly cwd?: string;
  /** `USER[:GROUP]`, names or numbers, as the container's own account files say; the container's own where it is absent. */
  readonly user?: string;
  /** Gives it a terminal of this size. */
  readonly terminal?: TerminalSize;
  /** Default: `passfd` where the agent offers it. */
  readonly streams?: StreamKind;
}

/** What a process needs of its sandbox. */
export interface ProcessHost {
  readonly calls: AgentClient;
  readonly timeline: Timeline;
}

/** A process that the agent has made: the first of its container, or one of an exec. */
export class GuestProcess {
  readonly containerId: string;
  /** The container's id for its first process. */
  readonly execId: string;
  /** Whether it has a terminal. */
  readonly terminal: boolean;
  readonly #host: ProcessHost;
  readonly #streams: ProcessStreams;
  #exit: Promise<number> | undefined;

  /** Processes are made by `Container.exec` and `Sandbox.createContainer`. */
  constructor({ containerId, execId }: ProcessIdentity, terminal: boolean, streams: ProcessStreams, host: ProcessHost) {
    this.containerId = containerId;
    this.execId = execId;
    this.terminal = terminal;
    this.#streams = streams;
    this.#host = host;
  }

  /** How its bytes travel. */
  get streamKind(): StreamKind {
    return this.#streams.kind;
  }

  /**
   * Carries its input and output until every output has ended: after the process and, for what is in a pipe at its
   * exit, after the last byte. No byte is lost, and a slow sink slows the program. Called once. The copy of the input
   * ends with the output; what was read of `stdin` by then and not taken by the program is gone.
   * @throws KataError of a sink that fails, or ERR_UNAVAILABLE where the machine is lost; the streams are let go of then.
   */
  async carry(io: ProcessIo): Promise<void> {
    const failed = new AbortController();
    const stopInput = copyInput(io.stdin, this.#streams.input());
    try {
      const outputs = [this.#carry('stdout', io.stdout, failed.signal)];
      if (!this.terminal) outputs.push(this.#carry('stderr', io.stderr, failed.signal));
      await Promise.all(outputs);
    } catch (error) {
      failed.abort(error);
      this.drop();
      throw error;
    } finally {
      stopInput();
    }
  }

  /**
   * Lets go of its streams, for a process whose output nobody wants: it finds its output without a reader, and its input
   * at the end. Without this, or {@link carry}, the end of a process with `passfd` streams can wait for a reader.
   */
  drop(): void {
    this.#streams.drop();
  }

  /**
   * Waits for its end, without a limit. The agent tells it once; all who ask here get the same answer.
   * @returns its exit code; 128 + n where signal n ended it.
   */
  wait(): Promise<number> {
    this.#exit ??= this.#host.calls.agent.WaitProcess(this.#identity).then(({ status }) => status);
    return this.#exit;
  }

  /** Sends it a signal. @throws KataError ERR_NOT_FOUND where its end was told already. */
  async signal(signal: number): Promise<void> {
    await this.#host.calls.agent.SignalProcess({ ...this.#identity, signal }, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** Sets the size of its terminal. @throws KataError ERR_UNAVAILABLE `no tty` where it has none. */
  async resize({ rows, columns }: TerminalSize): Promise<void> {
    const request = { ...this.#identity, row: rows, column: columns };
    await this.#host.calls.agent.TtyWinResize(request, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /**
   * Says the size of its terminal once more, as Kata's shim does: the request has it, but not every agent looks there. To
   * those that do it is no change. Never throws: the process may have ended.
   */
  async repeatSize(size: TerminalSize): Promise<void> {
    await this.resize(size).catch(() => {});
  }

  /** Gives it the end of its input; it is there already where that was done, or where it has ended. */
  async closeInput(): Promise<void> {
    await this.#streams.closeInput();
  }

  get #identity(): { readonly container_id: string; readonly exec_id: string } {
    return { container_id: this.containerId, exec_id: this.execId };
  }

  async #carry(name: 'stdout' | 'stderr', sink: Sink, signal: AbortSignal): Promise<void> {
    const { timeline } = this.#host;
    const noting: Sink = (chunk) => {
      timeline.reach('first byte');
      return sink(chunk);
    };
    await this.#streams.readOutput(name, noting, signal);
  }
}

/**
 * Copies `source` into `target`, with back-pressure, until either ends. The end of the source, or its failure, is the
 * end of the input.
 * @returns stops the copy; the source is left paused and open.
 */
function copyInput(source: Readable | undefined, target: Writable): () => void {
  // A process that has gone takes no more input. That is its affair and no failure of the copy.
  target.on('error', () => {});
  if (source === undefined) {
    target.end();
    return () => target.destroy();
  }
  const end = (): void => void target.end();
  source.once('error', end);
  source.once('close', end);
  source.pipe(target);
  return () => {
    source.off('error', end);
    source.off('close', end);
    source.unpipe(target);
    target.destroy();
  };
}
