/** One connection to the debug console, with a shell of its own. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { peerSendsNoMore } from '../../linux/readiness.ts';
import type { Logger } from '../log/logger.ts';
import type { Reaper } from '../process/reaper.ts';
import { killSession } from './session-processes.ts';
import { startTerminalShell, type TerminalShell } from './shell.ts';

/** One piece of output on its way (bytes). */
const READ_BYTES = 64 * 1024;

/**
 * For what was typed before the client ended its input, and for the answer to it (ms). Most clients that end their input
 * are gone for good, and nothing else tells of that.
 */
const END_OF_INPUT_GRACE_MS = 2_000;
/** For a client that does not read to take the last output (ms). */
const LAST_OUTPUT_DEADLINE_MS = 10_000;

/** Joins a connection and a shell until one of them ends, and then ends the other. */
export class ConsoleConnection {
  readonly #socket: Socket;
  readonly #logger: Logger;
  readonly #shell: TerminalShell;
  readonly #gone = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Whether the shell has ended: from then on its number may be another process's. */
  #ended = false;

  /** @throws KataError as startTerminalShell; the socket is then still the caller's. */
  constructor(socket: Socket, reaper: Reaper, logger: Logger) {
    this.#socket = socket;
    this.#logger = logger;
    this.#shell = startTerminalShell(reaper);
  }

  /** Settles when the connection is closed, and nothing of the shell's session runs any more. */
  async run(): Promise<void> {
    const { child, terminal } = this.#shell;
    this.#logger.info({ 'child-pid': child.pid }, 'debug console: shell started');
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    this.#socket.on('close', () => {
      this.#gone.abort();
      close();
    });
    // So that a client that has only ended its input still gets the answer.
    this.#socket.allowHalfOpen = true;
    this.#socket.on('data', (bytes: Buffer) => void this.#type(bytes));
    this.#socket.on('end', () => this.#endInput());
    const ended = child.ended.then(async () => {
      this.#ended = true;
      terminal.input.close();
      terminal.output.processExited();
      this.#destroyIn(LAST_OUTPUT_DEADLINE_MS);
      await this.#kill();
    });
    void this.#copyOutput();
    await closed;
    for (const timer of this.#timers) clearTimeout(timer);
    terminal.input.close();
    terminal.output.close();
    if (!this.#ended) await this.#kill();
    await ended;
    this.#logger.info({ 'child-pid': child.pid }, 'debug console: connection ended');
  }

  /** Ends it. */
  close(): void {
    this.#socket.destroy();
  }

  async #kill(): Promise<void> {
    const { pid } = this.#shell.child;
    if (!(await killSession(pid))) this.#logger.warn({ 'child-pid': pid }, 'debug console: processes do not end');
  }

  #destroyIn(ms: number): void {
    this.#timers.add(setTimeout(() => this.#socket.destroy(), ms));
  }

  async #type(bytes: Uint8Array): Promise<void> {
    this.#socket.pause();
    // While no program reads what was typed, nothing more is read here, and the end of the input would go unseen.
    const watch = setInterval(() => {
      if (peerSendsNoMore(this.#socket)) this.#socket.destroy();
    }, END_OF_INPUT_GRACE_MS);
    try {
      await this.#shell.terminal.input.write(bytes, this.#gone.signal);
      this.#socket.resume();
    } catch {
      // The shell has ended, and with it the connection ends.
    } finally {
      clearInterval(watch);
    }
  }

  #endInput(): void {
    this.#shell.terminal.input.end();
    this.#destroyIn(END_OF_INPUT_GRACE_MS);
  }

  /** Until the shell has ended and all that it wrote is out, or the connection has gone. */
  async #copyOutput(): Promise<void> {
    const { signal } = this.#gone;
    try {
      for (;;) {
        const bytes = await this.#shell.terminal.output.read(READ_BYTES, signal);
        if (bytes.length === 0) break;
        if (!this.#socket.write(bytes)) await once(this.#socket, 'drain', { signal });
      }
      this.#socket.end(() => this.#socket.destroy());
    } catch (error) {
      this.#logger.debug({ error }, 'debug console: output ended');
      this.#socket.destroy();
    }
  }
}
