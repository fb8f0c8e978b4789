/**
 * Our connection to the virtiofsd that the shim has started, which QEMU inherits. We make it and keep it, because QEMU
 * does not notice when virtiofsd goes, and a guest without its share is of no use.
 */
import { connect, type Socket } from 'node:net';
import { duplicateFd } from '../../linux/fdpass.ts';
import { descriptorOf } from '../../linux/handle.ts';
import { peerSendsNoMore } from '../../linux/readiness.ts';
import { KataError } from '../../wire/error.ts';

/** How long virtiofsd may take to take a connection: it listens already (ms). */
const CONNECT_TIMEOUT_MS = 500;
/** How soon the end of virtiofsd is noticed (ms). A look costs a microsecond. */
const LOOK_INTERVAL_MS = 200;

/** A connection that nobody here reads. */
export class FsConnection {
  readonly #socket: Socket;
  readonly #lost = Promise.withResolvers<void>();
  readonly #timer: NodeJS.Timeout;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS).unref();
  }

  /** Connects. @throws KataError ERR_UNAVAILABLE where no virtiofsd takes it. */
  static async open(path: string): Promise<FsConnection> {
    const socket = connect(path);
    // What virtiofsd says is for QEMU; a read of ours would take it away.
    socket.pause();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error('it does not take the connection')), CONNECT_TIMEOUT_MS);
    socket.once('connect', resolve);
    socket.on('error', reject);
    try {
      await promise;
      return new FsConnection(socket);
    } catch (cause) {
      socket.destroy();
      throw new KataError('ERR_UNAVAILABLE', `no virtiofsd at ${path}: ${KataError.from(cause).message}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when virtiofsd has gone. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /** A descriptor for QEMU; the caller closes it. */
  duplicate(): number {
    return duplicateFd(descriptorOf(this.#socket));
  }

  /** Ends our side. virtiofsd ends when QEMU's is closed too. */
  close(): void {
    clearInterval(this.#timer);
    this.#socket.destroy();
  }

  #look(): void {
    if (!peerSendsNoMore(this.#socket)) return;
    clearInterval(this.#timer);
    this.#lost.resolve();
  }
}
