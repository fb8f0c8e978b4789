/**
 * A connection to the API's socket, as a stream for the HTTP server: network cards come with the descriptors of their
 * taps (SCM_RIGHTS), which a read by Node itself would drop.
 */
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { receiveWithFds } from '../../linux/fdpass.ts';
import { descriptorOf } from '../../linux/handle.ts';
import { type ReadinessWatch, watchStream } from '../../linux/readiness.ts';
import { KataError } from '../../wire/error.ts';

const READ_BYTES = 64 << 10;
/** Descriptors that may wait for the end of their request: a card has one for each of its queues. */
const FDS_MAX = 64;
/** How long a client may go on to send what was refused (ms). */
const LAST_BYTES_TIMEOUT_MS = 1_000;

/** See the file's comment. */
export class ApiConnection extends Duplex {
  readonly #socket: Socket;
  readonly #watch: ReadinessWatch;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  #fds: number[] = [];
  #ended = false;

  /** @param socket accepted by a server with `pauseOnConnect`; owned from now on. */
  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
    this.#watch = watchStream(socket, () => this.#receive());
  }

  /** The descriptors that have come since the last call. They are the caller's. */
  takeDescriptors(): number[] {
    return this.#fds.splice(0);
  }

  /**
   * Ends the connection once its last answer has left; the HTTP server calls it as it calls that of a socket. The client
   * may still be sending what we refused, and would lose the answer by an end that leaves bytes unread.
   */
  destroySoon(): void {
    this.end();
    this.resume();
    const timer = setTimeout(() => this.destroy(), LAST_BYTES_TIMEOUT_MS);
    this.once('close', () => clearTimeout(timer));
  }

  override _read(): void {
    if (!this.#ended && !this.destroyed) this.#watch.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#watch.close();
    for (const fd of this.takeDescriptors()) closeSync(fd);
    done(error);
  }

  #receive(): void {
    try {
      for (;;) {
        const received = receiveWithFds(descriptorOf(this.#socket), this.#buffer);
        if (received.kind === 'empty') return;
        if (received.kind === 'end') {
          this.#ended = true;
          this.#watch.pause();
          this.push(null);
          return;
        }
        this.#fds.push(...received.fds);
        if (this.#fds.length > FDS_MAX) {
          throw new KataError('ERR_RESOURCE_EXHAUSTED', `more than ${FDS_MAX} descriptors on one connection`);
        }
        // A copy, since the buffer takes the next bytes while the parser may still hold these.
        if (!this.push(Buffer.from(this.#buffer.subarray(0, received.bytes)))) {
          this.#watch.pause();
          return;
        }
      }
    } catch (error) {
      this.destroy(KataError.from(error));
    }
  }
}
