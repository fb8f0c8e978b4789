/** The host's end of a connection as a Duplex. */
import { Duplex } from 'node:stream';
import { KataError } from '../../wire/error.ts';
import type { Connection } from './connection.ts';
import type { HostEnd } from './connection-types.ts';
import { Inbox } from './inbox.ts';
import { CONNECTION_BUFFER_BYTES } from './limits.ts';

type WriteCallback = (error?: Error | null) => void;

/**
 * A connection to or from a program in the guest.
 *
 * - A write is done when its bytes are in the guest's queue: it waits for credit and for buffers.
 * - What the guest sends is buffered here, at most its credit; the guest gets new credit as the reader takes it.
 * - end() tells the guest that nothing more comes; reading goes on. 'end' comes after the last byte that the guest sent.
 * - When the guest resets or closes the connection, what it sent before is still read in full: an error waits until the
 *   reader has taken it, as far as there is a reader.
 */
export class VsockStream extends Duplex implements HostEnd {
  readonly #connection: Connection;
  readonly #onOpened: (error?: KataError) => void;
  readonly #inbox = new Inbox();
  #received = 0;
  #forwarded = 0;
  /** The reader has asked for bytes and not got any since. */
  #isWanted = false;
  #hasGuestEnded = false;
  #over: { readonly error: KataError | undefined } | undefined;
  #heldWrite: WriteCallback | undefined;

  /** @param onOpened called without an error when the guest has accepted, and with one when the connection is over. */
  constructor(connection: Connection, onOpened: (error?: KataError) => void = () => {}) {
    // Nothing is read ahead into the stream's own buffer, which keeps packets as they come; the inbox packs them.
    super({ readableHighWaterMark: 0, writableHighWaterMark: CONNECTION_BUFFER_BYTES });
    this.#connection = connection;
    this.#onOpened = onOpened;
    this.once('end', () => this.#destroyWhenOver());
    // A guest can reset a connection before its owner has had a chance to listen. That must not end the host program;
    // who wants to know listens as well, or sees the stream closed before its end.
    this.on('error', () => {});
  }

  /** Port of the host's end. */
  get localPort(): number {
    return this.#connection.localPort;
  }

  /** Port of the guest's end. */
  get remotePort(): number {
    return this.#connection.remotePort;
  }

  guestOpened(): void {
    this.#onOpened();
  }

  guestData(chunk: Uint8Array): void {
    this.#received += chunk.length;
    this.#inbox.append(chunk);
    this.#deliver();
  }

  guestEnded(): void {
    this.#hasGuestEnded = true;
    this.#deliver();
  }

  connectionOver(error: KataError | undefined): void {
    this.#over = { error };
    this.#onOpened(error ?? new KataError('ERR_CANCELLED', `vsock port ${this.remotePort}: given up`));
    if (error === undefined) this.#hasGuestEnded = true;
    this.#deliver();
    this.#destroyWhenOver();
  }

  /** All ways to read pass here, but for the chunk that push() hands to a 'data' listener at once. */
  override read(size?: number): unknown {
    const chunk: unknown = super.read(size);
    this.#account();
    return chunk;
  }

  override _read(): void {
    this.#isWanted = true;
    this.#deliver();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: WriteCallback): void {
    this.#send([chunk], callback);
  }

  override _writev(items: { chunk: Uint8Array }[], callback: WriteCallback): void {
    this.#send(
      items.map(({ chunk }) => chunk),
      callback,
    );
  }

  override _final(callback: WriteCallback): void {
    this.#connection.endSending(callback);
  }

  override _destroy(error: Error | null, callback: WriteCallback): void {
    this.#connection.abandon();
    callback(error);
  }

  #send(chunks: readonly Uint8Array[], callback: WriteCallback): void {
    this.#connection.send(chunks, (isTaken) => {
      if (isTaken) callback();
      // A failed write destroys the stream, and with it what was not read. So it fails when the reader is at the end.
      else if (this.readableFlowing === null || this.readableEnded) callback(this.#brokenPipe());
      else this.#heldWrite = callback;
    });
  }

  #brokenPipe(): KataError {
    const message = `vsock port ${this.remotePort}: the guest receives no more`;
    return this.#over?.error ?? new KataError('ERR_UNAVAILABLE', message, { errno: 'EPIPE' });
  }

  /** Gives the reader what it wants, and the end after the last byte. */
  #deliver(): void {
    while (this.#isWanted) {
      const chunk = this.#inbox.take();
      if (chunk === undefined) break;
      this.#isWanted = this.push(chunk);
    }
    if (this.#hasGuestEnded && this.#inbox.length === 0) this.push(null);
    this.#account();
  }

  /** Tells the connection what the reader has taken: what came, without what is still in our buffers. */
  #account(): void {
    const unread = this.#inbox.length + this.readableLength;
    const taken = this.#received - unread - this.#forwarded;
    if (taken > 0) {
      this.#forwarded += taken;
      this.#connection.forwarded(taken);
    }
    const error = this.#over?.error;
    // Later, so that who waits for the connection to open can listen first.
    if (error !== undefined && unread === 0) setImmediate(() => this.destroy(error));
  }

  #destroyWhenOver(): void {
    if (!this.readableEnded) return;
    const held = this.#heldWrite;
    this.#heldWrite = undefined;
    // Later, so that every listener of 'end' has had its say, one that calls end() above all.
    if (held !== undefined) setImmediate(() => held(this.#brokenPipe()));
    else if (this.#over !== undefined) setImmediate(() => this.destroy());
  }
}
