/** Standard input of a process, written when somebody asks for it. */
import type { Socket } from 'node:net';
import { adoptSocket } from '../../linux/handle.ts';
import { growPipe } from '../../linux/pipe.ts';
import { terminalInputMode } from '../../linux/terminal.ts';
import { writeAvailable } from '../../linux/transfer.ts';
import { KataError } from '../../wire/error.ts';
import { Mutex } from '../process/mutex.ts';

/** What standard input is on the process's side. */
export type InputKind = 'pipe' | 'terminal';

/** What ends a line, as a terminal's program sees it: a carriage return becomes a line feed on the way in. */
const LINE_ENDS: ReadonlySet<number | undefined> = new Set([0x0a, 0x0d]);

type State =
  | { readonly kind: 'open' }
  /** Somebody asked for its end: what is queued is still written, nothing more is taken. */
  | { readonly kind: 'ending' }
  | { readonly kind: 'closed' };

/** Error of a write to an input that takes no more. */
function noWriter(): KataError {
  return new KataError('ERR_INTERNAL', 'Cannot get writer: standard input is closed');
}

/**
 * The agent's end of a process's standard input.
 *
 * One write at a time is under way; it waits as long as the process does not read. What waits is what its caller
 * holds anyway, so a process that does not read never grows the agent.
 */
export class InputStream {
  readonly #kind: InputKind;
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #turns = new Mutex();
  #state: State = { kind: 'open' };
  #lastByte: number | undefined;
  #endSent = false;
  /** Of the write that is under way. */
  #failWrite: ((error: KataError) => void) | undefined;

  /**
   * @param fd write end of a pipe, or a descriptor of a terminal's master that nothing else polls; owned by the stream
   *   from now on.
   */
  constructor(fd: number, kind: InputKind) {
    this.#kind = kind;
    this.#fd = fd;
    this.#socket = adoptSocket(fd, { readable: false });
    // Each write is told its own error.
    this.#socket.on('error', () => {});
  }

  /** Whether it takes no more bytes. */
  get ended(): boolean {
    return this.#state.kind !== 'open';
  }

  /**
   * Writes all of `bytes`, after the writes before it, and waits until the kernel has them.
   * @param signal aborted when the writer has gone: a write that waits for its turn is given up. One that has begun goes
   *   on, since a part of it may have been read.
   * @throws KataError ERR_INTERNAL after end(), or once the process has exited; ERR_SYSCALL EPIPE where nobody has the
   *   other end any more; ERR_CANCELLED.
   */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    if (this.#state.kind !== 'open') return Promise.reject(noWriter());
    return this.#turns.run(() => this.#writeNow(bytes), signal);
  }

  /**
   * Writes as much of `bytes` as there is room for, unless a write before it waits. The bytes are the caller's again when
   * this returns; what was not taken is for {@link write}.
   * @returns the number of bytes that were taken.
   * @throws KataError as {@link write}.
   */
  writeAvailable(bytes: Uint8Array): number {
    if (this.#state.kind !== 'open') throw noWriter();
    if (this.#turns.held) return 0;
    const count = writeAvailable(this.#fd, bytes);
    if (count > 0) this.#wrote(bytes[count - 1]);
    return count;
  }

  /** Makes the pipe hold more, where its size is the kernel's choice; see growPipe(). */
  grow(bytes: number): void {
    if (this.#state.kind === 'open') growPipe(this.#fd, bytes);
  }

  /**
   * Gives the process the end of its input, once what was written before is out. A pipe is closed. A terminal stays
   * open: it gets the key that ends the input (VEOF), as a user would press it. A second call does nothing, but for a
   * terminal that was written to since.
   */
  end(): void {
    if (this.#state.kind !== 'open') return;
    if (this.#kind === 'pipe') this.#state = { kind: 'ending' };
    // Fails where the process ends meanwhile, which ends its input as well.
    this.#turns.run(() => (this.#kind === 'pipe' ? this.close() : this.#pressEnd())).catch(() => {});
  }

  /** Closes it at once; what was not written yet is dropped, and its writers get an error. */
  close(): void {
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    this.#socket.destroy();
    // An error is costly, with its stack, and mostly there is nobody to get it.
    if (this.#failWrite !== undefined) this.#failWrite(noWriter());
  }

  #wrote(lastByte: number | undefined): void {
    this.#endSent = false;
    this.#lastByte = lastByte;
  }

  async #writeNow(bytes: Uint8Array): Promise<void> {
    if (this.#state.kind === 'closed') throw noWriter();
    if (bytes.length === 0) return;
    this.#wrote(bytes.at(-1));
    const { promise: written, resolve, reject } = Promise.withResolvers<void>();
    this.#failWrite = reject;
    // libuv tries the write at once, and polls only for what does not fit.
    this.#socket.write(bytes, (error) => {
      if (error) reject(KataError.from(error));
      else resolve();
    });
    await written;
    this.#failWrite = undefined;
  }

  /**
   * A program that reads single keys gets the key as a byte, which is what such programs (shells among them) take for
   * the end. For one that reads lines the first press behind an unfinished line only hands that line over (termios(3),
   * VEOF), so it is pressed twice there.
   */
  async #pressEnd(): Promise<void> {
    if (this.#state.kind === 'closed' || this.#endSent) return;
    const { canonical, endOfFile } = terminalInputMode(this.#fd);
    if (endOfFile === undefined) return;
    const unfinished = canonical && this.#lastByte !== undefined && !LINE_ENDS.has(this.#lastByte);
    await this.#writeNow(Uint8Array.from(unfinished ? [endOfFile, endOfFile] : [endOfFile]));
    this.#lastByte = undefined;
    this.#endSent = true;
  }
}
