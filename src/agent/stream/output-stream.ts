/** Standard output or error of a process, read when somebody asks for it. */
import { Buffer } from 'node:buffer';
import { readSync } from 'node:fs';
import { bytesReadable } from '../../linux/pipe.ts';
import { type ReadinessWatch, watchReadable } from '../../linux/readiness.ts';
import { hasErrno, KataError } from '../../wire/error.ts';
import { cancelled, Mutex } from '../process/mutex.ts';

/**
 * The most that one read gives, whatever it asks for: what the largest usual pipe holds (pipe(7), pipe-max-size), and well
 * below the limit of a message. Nothing is kept between reads (bytes).
 */
const MAX_READ_BYTES = 1024 * 1024;

/** Room for what arrives in a pipe that was empty a moment ago (bytes). */
const PROBE_BYTES = 512;

type State =
  /** The descriptor belongs to the watch. */
  | { readonly kind: 'open'; readonly fd: number; readonly watch: ReadinessWatch }
  /** Everything was read; the next read says so by giving no bytes. */
  | { readonly kind: 'drained' }
  /** Somebody was told of the end, or the container is gone. */
  | { readonly kind: 'over' };

type Attempt = { readonly kind: 'data'; readonly data: Buffer } | { readonly kind: 'empty' } | { readonly kind: 'end' };

function tryRead(fd: number, length: number): Attempt {
  const buffer = Buffer.allocUnsafeSlow(Math.min(length, MAX_READ_BYTES, Math.max(bytesReadable(fd), PROBE_BYTES)));
  try {
    const count = readSync(fd, buffer);
    return count === 0 ? { kind: 'end' } : { kind: 'data', data: buffer.subarray(0, count) };
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return { kind: 'empty' };
    // What the master of a terminal answers once nobody has the other side open.
    if (hasErrno(error, 'EIO')) return { kind: 'end' };
    throw error;
  }
}

/**
 * One output stream of a process.
 *
 * It ends when the process has exited and the pipe has nothing more, or when nobody can write to the pipe any more. So a
 * program that was left behind in the background and holds the pipe open does not keep the stream open, and nothing
 * that was in the pipe at the exit is lost.
 */
export class OutputStream {
  readonly #turns = new Mutex();
  #state: State;
  #exited = false;
  #wake: () => void = () => {};

  /** @param fd read end of the pipe; owned by the stream from now on. */
  constructor(fd: number) {
    const watch = watchReadable(fd, () => this.#wake());
    watch.pause();
    this.#state = { kind: 'open', fd, watch };
  }

  /** Whether no read will give bytes any more. */
  get ended(): boolean {
    return this.#state.kind !== 'open';
  }

  /**
   * Reads as soon as there is something; readers are served in turn.
   * @param length the most that the reader takes (bytes), above zero.
   * @param signal aborted when the reader has gone: its turn goes to the next one, and no byte is taken.
   * @returns 1 to `length` bytes; none at the end of the stream, once.
   * @throws KataError ERR_INTERNAL `eof` for each read after that; ERR_CANCELLED where the reader has gone.
   */
  read(length: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#turns.run(() => this.#next(length, signal), signal);
  }

  /** The process has exited, and was collected. */
  processExited(): void {
    this.#exited = true;
    this.#wake();
  }

  /** Closes the pipe; what is in it is dropped, and reads fail. */
  close(): void {
    if (this.#state.kind === 'open') this.#state.watch.close();
    this.#state = { kind: 'over' };
    this.#wake();
  }

  async #next(length: number, signal: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      if (signal.aborted) throw cancelled();
      if (this.#state.kind === 'over') throw new KataError('ERR_INTERNAL', 'eof');
      if (this.#state.kind === 'drained') {
        this.#state = { kind: 'over' };
        return Buffer.alloc(0);
      }
      const { fd, watch } = this.#state;
      // Looked at before the read: all that the process wrote before its exit is in the pipe by then.
      const exited = this.#exited;
      const attempt = tryRead(fd, length);
      if (attempt.kind === 'data') return attempt.data;
      if (attempt.kind === 'end' || exited) {
        watch.close();
        this.#state = { kind: 'drained' };
      } else {
        await this.#change(watch, signal);
      }
    }
  }

  /** Waits until there is something to read, the process has exited, the stream is closed, or the reader has gone. */
  async #change(watch: ReadinessWatch, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = () => {
      // Right here: the watch reports again and again until the pipe is read.
      if (this.#state.kind === 'open') watch.pause();
      resolve();
    };
    signal.addEventListener('abort', this.#wake, { once: true });
    watch.resume();
    await promise;
    signal.removeEventListener('abort', this.#wake);
    this.#wake = () => {};
  }
}
