/** Standard output or error of a process, read when somebody asks for it. */
import { Buffer } from 'node:buffer';
import { bytesReadable, growPipe } from '../../linux/pipe.ts';
import { type ReadinessWatch, watchReadable } from '../../linux/readiness.ts';
import { readAvailable } from '../../linux/transfer.ts';
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

/**
 * What a reader found that has the stream for itself; see {@link OutputStream.handOver}.
 * - `moved`: bytes, and they are on their way.
 * - `nothing`: none for now.
 * - `end`: the end.
 * - `waiting`: bytes that must wait; it says itself when it can read on.
 */
export type Look = 'moved' | 'nothing' | 'end' | 'waiting';

/** A stream that one reader has for itself. */
export interface Handover {
  /** Resolves at the end of the stream; rejects where it was closed, or where `look` threw. */
  readonly ended: Promise<void>;
  /** Reads on after `waiting`. */
  readonly goOn: () => void;
}

/** A buffer for what is there now. */
function bufferFor(fd: number, length: number): Buffer {
  return Buffer.allocUnsafeSlow(Math.min(length, MAX_READ_BYTES, Math.max(bytesReadable(fd), PROBE_BYTES)));
}

/** Error of each read after the end. */
function eof(): KataError {
  return new KataError('ERR_INTERNAL', 'eof');
}

/**
 * Reads what is there, from a pipe or the master of a terminal.
 * @returns the number of bytes, 0 at the end; undefined where there is nothing yet.
 * @throws KataError ERR_SYSCALL.
 */
export function readOrEnd(fd: number, buffer: Uint8Array): number | undefined {
  try {
    return readAvailable(fd, buffer);
  } catch (error) {
    // What the master of a terminal answers once nobody has the other side open.
    if (hasErrno(error, 'EIO')) return 0;
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
  read(length: number, signal: AbortSignal): Promise<Uint8Array> {
    return this.#turns.run(() => this.#next(length, signal), signal);
  }

  /**
   * Leaves all that is still to come to one reader, after those who read already.
   * @param look reads once, at most, and says how that went. It is called when there may be something to read: once a
   *   turn of the event loop, so that a busy stream leaves others their share.
   */
  handOver(look: (fd: number) => Look): Handover {
    const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
    let isWaiting = false;
    const step = (): void => {
      if (isWaiting && this.#state.kind === 'open') return;
      try {
        if (this.#takeNext(look) === 'waiting') isWaiting = true;
        if (this.#state.kind === 'over') resolve();
      } catch (error) {
        reject(KataError.from(error));
      }
    };
    const goOn = (): void => {
      isWaiting = false;
      if (this.#state.kind === 'open') this.#state.watch.resume();
      // No event comes where the process has exited, and somebody who was left behind holds the empty pipe.
      if (this.#exited) setImmediate(step);
    };
    const take = (): Promise<void> => {
      this.#wake = step;
      goOn();
      step();
      return ended;
    };
    return { ended: this.#turns.run(take), goOn };
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
    this.#drain(this.#state.watch);
    this.#wake();
  }

  /** Closes the pipe; what is in it is dropped, and reads fail. */
  close(): void {
    if (this.#state.kind === 'over') return;
    if (this.#state.kind === 'open') this.#state.watch.close();
    this.#finish();
    this.#closing.abort();
    this.#wake();
  }

  #finish(): void {
    this.#state = { kind: 'over' };
    this.#over.resolve();
  }

  async #next(length: number, signal: AbortSignal): Promise<Uint8Array> {
    for (;;) {
      if (signal.aborted) throw cancelled();
      if (this.#state.kind === 'over') throw eof();
      if (this.#state.kind === 'drained') {
        this.#finish();
        return Buffer.alloc(0);
      }
      const { fd, watch } = this.#state;
      // Looked at before the read: all that the process wrote before its exit is in the pipe by then.
      const exited = this.#exited;
      const buffer = bufferFor(fd, length);
      const count = readOrEnd(fd, buffer);
      if (count !== undefined && count > 0) return buffer.subarray(0, count);
      if (count === 0 || exited) this.#drain(watch);
      else await this.#change(watch, signal);
    }
  }

  /** Lets the one reader look once, and ends the stream where that was the end. */
  #takeNext(look: (fd: number) => Look): Look {
    if (this.#state.kind === 'over') throw eof();
    if (this.#state.kind === 'open') {
      const { fd, watch } = this.#state;
      // Before the look, as in #next().
      const exited = this.#exited;
      const seen = look(fd);
      if (seen === 'waiting') watch.pause();
      else if (seen === 'moved' && exited) setImmediate(this.#wake);
      if (seen !== 'end' && !(seen === 'nothing' && exited)) return seen;
      this.#drain(watch);
    }
    this.#finish();
    return 'end';
  }

  #drain(watch: ReadinessWatch): void {
    watch.close();
    this.#state = { kind: 'drained' };
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
