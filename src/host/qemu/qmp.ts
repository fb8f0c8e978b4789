/** Client of the QEMU Machine Protocol: JSON lines over a socket (QEMU's docs/interop/qmp-spec). */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { sendWithFds } from '../../linux/fdpass.ts';
import { descriptorOf } from '../../linux/handle.ts';
import { KataError } from '../../wire/error.ts';

/** QEMU answers from its main loop at once; one that does not answer in this time hangs. */
const COMMAND_TIMEOUT_MS = 5_000;

type Answer = { readonly value: unknown } | { readonly error: KataError };

/** A connection on which commands may be given. One command is under way at a time, as QEMU answers in order. */
export class QmpClient {
  readonly #socket: Socket;
  readonly #waiting: ((answer: Answer) => void)[] = [];
  readonly #onEvent: (name: string, data: unknown) => void;
  #lost: KataError | undefined;

  private constructor(socket: Socket, onEvent: (name: string, data: unknown) => void) {
    this.#socket = socket;
    this.#onEvent = onEvent;
    createInterface({ input: socket }).on('line', (line) => this.#take(line));
    socket.on('error', () => {});
    socket.on('close', () => this.#fail(new KataError('ERR_UNAVAILABLE', 'QEMU closed its control socket')));
  }

  /**
   * Connects, and leaves the negotiation mode.
   * @param onEvent called with each asynchronous event, such as `SHUTDOWN`, and its data.
   * @throws KataError ERR_UNAVAILABLE where nobody listens or the peer goes away.
   */
  static async connect(path: string, onEvent: (name: string, data: unknown) => void = () => {}): Promise<QmpClient> {
    const socket = await new Promise<Socket>((resolve, reject) => {
      const attempt = connect(path);
      attempt.once('connect', () => {
        attempt.removeAllListeners('error');
        resolve(attempt);
      });
      attempt.once('error', (cause) =>
        reject(new KataError('ERR_UNAVAILABLE', `no QEMU at ${path}: ${cause.message}`, { cause })),
      );
    });
    const client = new QmpClient(socket, onEvent);
    // The greeting needs no wait: the answer to the first command cannot come before it.
    await client.execute('qmp_capabilities');
    return client;
  }

  /**
   * Gives a command.
   * @param fds descriptors that go with it, as `getfd` wants them; they stay the caller's.
   * @returns the `return` member of the answer.
   * @throws KataError ERR_COMMAND with QEMU's description, ERR_UNAVAILABLE, or ERR_DEADLINE.
   */
  execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    fds: readonly number[] = [],
  ): Promise<unknown> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new KataError('ERR_DEADLINE', `QEMU did not answer ${command} within ${COMMAND_TIMEOUT_MS} ms`));
      }, COMMAND_TIMEOUT_MS);
      this.#waiting.push((answer) => {
        clearTimeout(timer);
        if ('error' in answer) reject(answer.error);
        else resolve(answer.value);
      });
      this.#send(`${JSON.stringify({ execute: command, arguments: args })}\n`, fds);
    });
  }

  #send(line: string, fds: readonly number[]): void {
    const bytes = Buffer.from(line);
    // QEMU ties descriptors to the command in whose bytes they come. Commands are few and short, so what was written
    // before has left by now, and these bytes go at once; the stream takes what does not.
    const sent = fds.length === 0 ? 0 : sendWithFds(descriptorOf(this.#socket), bytes, fds);
    if (sent < bytes.length) this.#socket.write(bytes.subarray(sent));
  }

  /** Ends the connection; commands under way fail with ERR_UNAVAILABLE. */
  close(): void {
    this.#socket.destroy();
  }

  #take(line: string): void {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      this.#socket.destroy();
      return;
    }
    if (typeof message !== 'object' || message === null) return;
    if ('event' in message) this.#onEvent(String(message.event), 'data' in message ? message.data : undefined);
    else if ('return' in message) this.#waiting.shift()?.({ value: message.return });
    else if ('error' in message) this.#waiting.shift()?.({ error: commandError(message.error) });
  }

  #fail(error: KataError): void {
    this.#lost ??= error;
    for (const answer of this.#waiting.splice(0)) answer({ error });
  }
}

function commandError(error: unknown): KataError {
  const text =
    typeof error === 'object' && error !== null && 'desc' in error ? String(error.desc) : JSON.stringify(error);
  return new KataError('ERR_COMMAND', `QEMU: ${text}`);
}
