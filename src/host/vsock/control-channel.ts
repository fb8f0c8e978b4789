/** The socket over which QEMU sets the device up: messages read with their descriptors, answers written. */
import { closeSync } from 'node:fs';
import { receiveWithFds, sendWithFds } from '../../linux/fdpass.ts';
import { type ReadinessWatch, watchReadable } from '../../linux/readiness.ts';
import { KataError } from '../../wire/error.ts';
import { type Backend, MessageFds } from './backend.ts';
import { MESSAGE_BODY_MAX_BYTES } from './limits.ts';
import { decodeMessageHeader, encodeReply, encodeU64, MESSAGE_HEADER_BYTES, type MessageHeader } from './vhost-user.ts';

/** Body of an acknowledgement: zero for success, anything else for failure. */
const ACK_DONE = 0n;
const ACK_FAILED = 1n;

/** What is being read: the header of a message, or its body. */
type Reading = { readonly kind: 'header' } | { readonly kind: 'body'; readonly header: MessageHeader };

/** The connection to one QEMU. */
export class ControlChannel {
  readonly #fd: number;
  readonly #backend: Backend;
  readonly #onClose: (error: KataError | undefined) => void;
  readonly #log: (line: string) => void;
  readonly #watch: ReadinessWatch;
  readonly #buffer = Buffer.allocUnsafeSlow(MESSAGE_HEADER_BYTES + MESSAGE_BODY_MAX_BYTES);
  #filled = 0;
  #reading: Reading = { kind: 'header' };
  #fds: number[] = [];
  #isClosed = false;

  /**
   * @param fd owned by the channel from now on.
   * @param onClose called once, when QEMU has gone (undefined) or broke the protocol; the backend is reset by then.
   * @param log gets a line for each request that is refused.
   * @throws KataError ERR_SYSCALL where the descriptor cannot be polled; it is then still the caller's.
   */
  constructor(
    fd: number,
    backend: Backend,
    onClose: (error: KataError | undefined) => void,
    log: (line: string) => void,
  ) {
    this.#fd = fd;
    this.#backend = backend;
    this.#onClose = onClose;
    this.#log = log;
    this.#watch = watchReadable(fd, () => this.#readAll());
  }

  /** Ends the connection. */
  close(error?: KataError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.close();
    for (const fd of this.#fds.splice(0)) closeSync(fd);
    this.#backend.reset();
    this.#onClose(error);
  }

  #readAll(): void {
    try {
      while (!this.#isClosed) {
        const wanted = this.#reading.kind === 'header' ? MESSAGE_HEADER_BYTES : this.#reading.header.size;
        const received = receiveWithFds(this.#fd, this.#buffer.subarray(this.#filled, wanted));
        if (received.kind === 'empty') return;
        if (received.kind === 'end') {
          this.close();
          return;
        }
        this.#filled += received.bytes;
        this.#fds.push(...received.fds);
        if (this.#filled === wanted) this.#advance();
      }
    } catch (error) {
      this.close(KataError.from(error));
    }
  }

  /** What is being read is complete. */
  #advance(): void {
    const bytes = Buffer.from(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
    if (this.#reading.kind === 'header') {
      const header = decodeMessageHeader(bytes);
      if (header.size > 0) this.#reading = { kind: 'body', header };
      else this.#handle(header, Buffer.alloc(0));
      return;
    }
    const { header } = this.#reading;
    this.#reading = { kind: 'header' };
    this.#handle(header, bytes);
  }

  #handle(header: MessageHeader, body: Buffer): void {
    const fds = new MessageFds(this.#fds.splice(0));
    const wantsAck = header.needReply && this.#backend.acknowledges;
    try {
      const answer = this.#backend.handle(header.request, body, fds);
      if (answer !== undefined) this.#reply(header.request, answer);
      else if (wantsAck) this.#reply(header.request, encodeU64(ACK_DONE));
    } catch (error) {
      // QEMU knows what to do with a refusal; without the acknowledgement it would go on as if all were well.
      if (!wantsAck) throw error;
      this.#log(`request ${header.request} of QEMU refused: ${KataError.from(error).message}`);
      this.#reply(header.request, encodeU64(ACK_FAILED));
    } finally {
      fds.close();
    }
  }

  #reply(request: number, body: Uint8Array): void {
    const reply = encodeReply(request, body);
    // QEMU waits for the answer to one request before it sends the next that has one, so it fits in the socket.
    if (sendWithFds(this.#fd, reply) !== reply.length) {
      throw new KataError('ERR_UNAVAILABLE', 'vhost-user: QEMU does not read its answers');
    }
  }
}
