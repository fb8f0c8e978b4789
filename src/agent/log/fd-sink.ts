/** Log lines to a descriptor: the guest's console, a terminal, a pipe, a file. */
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { hasErrno } from '../../wire/error.ts';
import { type DropNotice, LineQueue } from './line-queue.ts';
import type { LogSink } from './logger.ts';

/** How soon a destination that was full is tried again; a serial line at 115200 baud takes 230 bytes meanwhile (ms). */
const RETRY_MS = 20;

/** Step of the wait in flushSync (ms). */
const FLUSH_STEP_MS = 5;

/**
 * A descriptor for writing to the same place as `fd`, in non-blocking mode. Where it can be had by opening the place
 * anew, whoever else has `fd` is not affected; a socket cannot be opened, and is written to as it is.
 */
function openNonBlocking(fd: number): number {
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY | constants.O_APPEND;
    return openSync(`/proc/self/fd/${fd}`, flags);
  } catch {
    // ENXIO for a socket, EACCES for a terminal of another user: no reason to go without a log.
    return fd;
  }
}

/**
 * Writes at once where the destination takes it, else keeps lines in a bounded queue and tries again. Never waits,
 * never throws. A timer and not a stream, so that the last words of a dying process are out before it dies, and files
 * and terminals need no case of their own.
 */
export class FdSink implements LogSink {
  readonly #fd: number;
  readonly #owned: boolean;
  readonly #queue: LineQueue;
  #retry: NodeJS.Timeout | undefined;

  constructor(fd: number, notice: DropNotice) {
    this.#fd = openNonBlocking(fd);
    this.#owned = this.#fd !== fd;
    this.#queue = new LineQueue(notice);
  }

  write(line: string): void {
    this.#queue.push(line);
    // While a retry is due, the destination was full a moment ago.
    if (this.#retry === undefined) this.#drain();
  }

  /** Writes what waits, for at most `deadlineMs`; blocks the thread meanwhile. For the end of the process. */
  flushSync(deadlineMs: number): void {
    const deadline = performance.now() + deadlineMs;
    const clock = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    this.#writeQueued();
    while (!this.#queue.isEmpty && performance.now() < deadline) {
      Atomics.wait(clock, 0, 0, FLUSH_STEP_MS);
      this.#writeQueued();
    }
  }

  /** Stops trying, and gives the descriptor back. */
  close(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#queue.clear();
    if (this.#owned) closeSync(this.#fd);
  }

  #drain(): void {
    this.#retry = undefined;
    this.#writeQueued();
    if (!this.#queue.isEmpty) this.#retry = setTimeout(() => this.#drain(), RETRY_MS).unref();
  }

  #writeQueued(): void {
    for (let head = this.#queue.head(); head !== undefined; head = this.#queue.head()) {
      try {
        this.#queue.consume(writeSync(this.#fd, head));
      } catch (error) {
        if (hasErrno(error, 'EAGAIN')) return;
        // EPIPE, EIO after a hang-up, ENOSPC: nobody can be told. A later line may get through again.
        this.#queue.clear();
        return;
      }
    }
  }
}
