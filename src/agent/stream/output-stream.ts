/** Standard output or error of a process, read when somebody asks for it. */
import { Buffer } from 'node:buffer';
import { readSync } from 'node:fs';
import { bytesReadable, growPipe } from '../../linux/pipe.ts';
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

/** A buffer for what is there now. */
function bufferFor(fd: number, length: number): Buffer {
  return Buffer.allocUnsafeSlow(Math.min(length, MAX_READ_BYTES, Math.max(bytesReadable(fd), PROBE_BYTES)));
}

function tryRead(fd: number, buffer: Buffer): Attempt {
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
  readonly #closing = new AbortController();
  readonly #over = Promise.withResolvers<void>();
  #state: State;
  #exited = false;
  #wake: () => void = () => {};

  /** @param fd read end of the pipe; owned by the stream from now on. */
  constructor(fd: number) {
    const watch = watchReadable(fd, () => this.#wake());
    watch.pause();
    this.#state = { kind: 'open', fd, watch };
  }

  /** Aborted when it is closed before its end. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Whether somebody was told of its end, or it was closed: every read fails from now on. */
  get isOver(): boolean {
    return this.#state.kind === 'over';
  }

  /** Settles when it is over. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /**
   * Reads as soon as there is something; readers are served in turn.
   * @param length the most that the reader takes (bytes), above zero.
   * @param signal aborted when the reader has gone: its turn goes to the next one, and no byte is taken.
   * @returns 1 to `length` bytes; none at the end of the stream, once.
   * @throws KataError ERR_INTERNAL `eof` for each read after that; ERR_CANCELLED where the reader has gone.
   */
  async read(length: number, signal: AbortSignal): Promise<Uint8Array> {
    const allocate = (fd: number): Buffer => bufferFor(fd, length);
    return (await this.#turns.run(() => this.#next(allocate, (data) => data, signal), signal)) ?? Buffer.alloc(0);
  }

  /**
   * Reads as {@link read} does, through a buffer that others use as well.
   * @param consume gets the bytes, and is done with them when it returns.
   * @returns what `consume` returned; undefined at the end of the stream, once.
   * @throws also what `consume` throws.
   */
  readThrough<T>(buffer: Buffer, consume: (bytes: Uint8Array) => T, signal: AbortSignal): Promise<T | undefined> {
    return this.#turns.run(() => this.#next(() => buffer, consume, signal), signal);
  }

  /** Makes the pipe hold more, where its size is the kernel's choice; see growPipe(). */
  grow(bytes: number): void {
    if (this.#state.kind === 'open') growPipe(this.#state.fd, bytes);
  }

  /** The process has exited, and was collected. */
  processExited(): void {
    this.#exited = true;
    this.#wake();
  }

  /**
   * Lets go of the pipe where the process has exited and nothing is left in it; the end is still there to be read. Not for
   * a terminal, whose kernel may hold bytes that do not count as readable yet.
   */
  closeIfDrained(): void {
    if (this.#state.kind !== 'open' || !this.#exited || bytesReadable(this.#state.fd) > 0) return;
    this.#state.watch.close();
    this.#state = { kind: 'drained' };
    this.#wake();
  }

  /** Closes the pipe; what is in it is dropped, and reads fail. */
  close(): void {
    if (this.#state.kind === 'open') this.#state.watch.close();
    this.#finish();
    this.#closing.abort();
    this.#wake();
  }

  #finish(): void {
    this.#state = { kind: 'over' };
    this.#over.resolve();
  }

  async #next<T>(
    bufferOf: (fd: number) => Buffer,
    consume: (bytes: Uint8Array) => T,
    signal: AbortSignal,
  ): Promise<T | undefined> {
    for (;;) {
      if (signal.aborted) throw cancelled();
      if (this.#state.kind === 'over') throw new KataError('ERR_INTERNAL', 'eof');
      if (this.#state.kind === 'drained') {
        this.#finish();
        return undefined;
      }
      const { fd, watch } = this.#state;
      // Looked at before the read: all that the process wrote before its exit is in the pipe by then.
      const exited = this.#exited;
      const attempt = tryRead(fd, bufferOf(fd));
      if (attempt.kind === 'data') return consume(attempt.data);
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
