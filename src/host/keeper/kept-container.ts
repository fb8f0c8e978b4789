/** A container in its keeper: its first process's streams, its log, its end, and those who are attached. */
import { rm } from 'node:fs/promises';
import { type Duplex, PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../../wire/error.ts';
import type { Container } from '../container.ts';
import type { TerminalSize } from '../oci-spec/terminal.ts';
import type { Sink } from '../output.ts';
import { type AttachInput, Attachment } from './attachment.ts';
import type { OutputStream } from './log-record.ts';
import { type LogPaths, LogWriter } from './log-writer.ts';
import type { ContainerInfo, ContainerRequest, ContainerState } from './protocol.ts';

const SIGKILL = 9;
/** After a SIGKILL a program and its output end within milliseconds; removal does not wait longer for it (ms). */
const KILL_TIMEOUT_MS = 10_000;

/** A container whose program runs, or has run. */
export class KeptContainer {
  readonly #container: Container;
  readonly #request: ContainerRequest;
  readonly #command: readonly string[];
  readonly #createdAt = Date.now();
  readonly #logPaths: LogPaths;
  readonly #log: LogWriter;
  readonly #input: PassThrough | undefined;
  readonly #attachments = new Set<Attachment>();
  readonly #exit = Promise.withResolvers<number>();
  #state: ContainerState = { is: 'running' };

  private constructor(
    container: Container,
    request: ContainerRequest,
    command: readonly string[],
    logPaths: LogPaths,
    log: LogWriter,
  ) {
    this.#container = container;
    this.#request = request;
    this.#command = command;
    this.#logPaths = logPaths;
    this.#log = log;
    this.#input = request.interactive ? new PassThrough() : undefined;
    // Nobody may be waiting when it is lost.
    this.#exit.promise.catch(() => {});
  }

  /**
   * Starts the program of a container that was just created. Where that fails the container is removed.
   * @param command what `ps` shows.
   * @throws KataError as the agent answers; an error of the file system.
   */
  static async start(
    container: Container,
    request: ContainerRequest,
    command: readonly string[],
    logPaths: LogPaths,
  ): Promise<KeptContainer> {
    try {
      const log = await LogWriter.create(logPaths);
      const kept = new KeptContainer(container, request, command, logPaths, log);
      await container.start();
      void kept.#keep();
      return kept;
    } catch (error) {
      await container.remove().catch(() => {});
      await removeLog(logPaths);
      throw error;
    }
  }

  /** What `ps` shows of it. */
  get info(): ContainerInfo {
    return {
      id: this.#container.id,
      command: this.#command,
      createdAt: this.#createdAt,
      terminal: this.#container.init.terminal,
      interactive: this.#request.interactive,
      state: this.#state,
    };
  }

  /** True while its program has not ended. */
  get isAlive(): boolean {
    return this.#state.is === 'running' || this.#state.is === 'paused';
  }

  /** The program's exit code, once all of its output is in the log. @throws KataError where the machine is lost. */
  wait(): Promise<number> {
    return this.#exit.promise;
  }

  /** Sends a signal. @throws KataError ERR_FAILED_PRECONDITION where the program has ended. */
  async signal(signal: number): Promise<void> {
    this.#requireAlive();
    await this.#container.signal(signal);
  }

  /** Stops every process of the container where it stands. */
  async pause(): Promise<void> {
    if (this.#state.is === 'paused') throw this.#is('paused already');
    this.#requireAlive();
    await this.#container.pause();
    if (this.#state.is === 'running') this.#state = { is: 'paused' };
  }

  /** Lets a paused container go on. */
  async resume(): Promise<void> {
    if (this.#state.is !== 'paused') throw this.#is('not paused');
    await this.#container.resume();
    if (this.#state.is === 'paused') this.#state = { is: 'running' };
  }

  /** Sets the size of its terminal. */
  async resize(size: TerminalSize): Promise<void> {
    this.#requireAlive();
    await this.#container.init.resize(size);
  }

  /** @throws KataError ERR_FAILED_PRECONDITION where there is nothing to attach to any more. */
  requireAttachable(): void {
    this.#requireAlive();
  }

  /** Joins a connection to its streams, from now on. */
  attach(stream: Duplex): void {
    const attachment = new Attachment(stream, this.#attachInput(), () => this.#attachments.delete(attachment));
    this.#attachments.add(attachment);
  }

  /**
   * Removes it, and its log.
   * @param force kills what runs.
   * @throws KataError ERR_FAILED_PRECONDITION where it runs and `force` is not set.
   */
  async remove(force: boolean): Promise<void> {
    if (this.isAlive) {
      if (!force) throw this.#is(`${this.#state.is}; -f kills it`);
      await this.#container.signal(SIGKILL);
      await Promise.race([this.wait().catch(() => {}), delay(KILL_TIMEOUT_MS, undefined, { ref: false })]);
    }
    await this.#container.remove();
    await this.#end({ is: 'lost' }, new KataError('ERR_UNAVAILABLE', `container ${this.#container.id} was removed`));
    await removeLog(this.#logPaths);
  }

  /** Gives it up where its machine is no more: whoever waits or is attached is told why. */
  async lose(why: KataError): Promise<void> {
    await this.#end({ is: 'lost' }, why);
  }

  async #keep(): Promise<void> {
    const { init } = this.#container;
    try {
      const io = { stdin: this.#input, stdout: this.#sink('stdout'), stderr: this.#sink('stderr') };
      const [status] = await Promise.all([init.wait(), init.carry(io)]);
      await this.#end({ is: 'exited', status, at: Date.now() }, undefined);
    } catch (error) {
      // Mostly the machine is lost, and who sees that first tells it; this is for what else may fail.
      const { message } = KataError.from(error);
      await delay(KILL_TIMEOUT_MS, undefined, { ref: false });
      await this.#end({ is: 'lost' }, new KataError('ERR_UNAVAILABLE', `its streams failed: ${message}`));
    }
  }

  /** The first end counts. */
  async #end(state: ContainerState, why: KataError | undefined): Promise<void> {
    if (!this.isAlive) return;
    this.#state = state;
    this.#input?.destroy();
    await this.#log.end();
    if (state.is === 'exited') this.#exit.resolve(state.status);
    else this.#exit.reject(why);
    for (const attachment of this.#attachments) {
      if (state.is === 'exited') attachment.exit(state.status);
      else attachment.notice(why?.message ?? '');
    }
  }

  /** The log is a reader that does not stop; those who are attached may slow the program, for a limited time. */
  #sink(kind: OutputStream): Sink {
    return async (bytes) => {
      const sends = [...this.#attachments].map((attachment) => attachment.send(kind, bytes));
      await Promise.all([this.#log.append(kind, bytes), ...sends]);
    };
  }

  #attachInput(): AttachInput | undefined {
    const input = this.#input;
    if (input === undefined) return undefined;
    return {
      write: (bytes) =>
        new Promise((resolve, reject) => input.write(bytes, (error) => (error ? reject(error) : resolve()))),
      end: () => void input.end(),
    };
  }

  #requireAlive(): void {
    if (this.#state.is === 'exited') throw this.#is(`ended, with status ${this.#state.status}`);
    if (this.#state.is === 'lost') throw this.#is('lost');
  }

  #is(what: string): KataError {
    return new KataError('ERR_FAILED_PRECONDITION', `container ${this.#container.id} is ${what}`);
  }
}

async function removeLog({ current, older }: LogPaths): Promise<void> {
  await Promise.all([current, older].map((path) => rm(path, { force: true })));
}
