/**
 * The guest's ports for programs that speak only Unix sockets, as Firecracker and Cloud Hypervisor offer them: a socket
 * at which `CONNECT <port>\n` reaches the guest, and connections of the guest to port P that go to `<path>_<P>`.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { peerSendsNoMore } from '../../linux/readiness.ts';
import { KataError } from '../../wire/error.ts';
import { formatOk, guestInitiatedPath, parseConnect, REQUEST_LINE_MAX_BYTES } from '../../wire/vsock/hybrid.ts';
import {
  ACCEPT_TIMEOUT_MS,
  HYBRID_CONNECT_TIMEOUT_MS,
  HYBRID_REQUEST_TIMEOUT_MS,
  HYBRID_RETRY_INTERVAL_MS,
  HYBRID_TRY_TIMEOUT_MS,
} from './limits.ts';
import type { Muxer, Offer } from './muxer.ts';
import { openStream } from './open-stream.ts';
import { readLine } from './read-line.ts';
import { splice } from './splice.ts';
import { VsockStream } from './stream.ts';
import { closeServer, listenAt } from './unix-server.ts';

/** The hybrid socket of one guest. */
export class HybridSocket {
  readonly #path: string;
  readonly #muxer: Muxer;
  readonly #server: Server;
  readonly #patienceMs: number;
  readonly #sockets = new Set<Socket>();

  /**
   * Listens at `path`.
   * @param patienceMs how long a request may wait for the guest to listen; with 0, its first refusal is the answer.
   * @throws KataError ERR_SYSCALL, such as EADDRINUSE.
   */
  static async open(path: string, muxer: Muxer, patienceMs = 0): Promise<HybridSocket> {
    const hybrid = new HybridSocket(path, muxer, patienceMs);
    await listenAt(hybrid.#server, path);
    muxer.setFallback((offer) => hybrid.#offered(offer));
    return hybrid;
  }

  private constructor(path: string, muxer: Muxer, patienceMs: number) {
    this.#path = path;
    this.#muxer = muxer;
    this.#patienceMs = patienceMs;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#accepted(socket));
  }

  /** Ends everything and removes the socket. */
  async close(): Promise<void> {
    this.#muxer.setFallback(undefined);
    for (const socket of this.#sockets) socket.destroy();
    await closeServer(this.#server);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
  }

  #accepted(socket: Socket): void {
    this.#track(socket);
    readRequest(socket)
      .then((port) => this.#connect(socket, port))
      // Refused, timed out, or no request at all: the protocol has no other answer than the end.
      .catch(() => socket.destroy());
  }

  async #connect(socket: Socket, port: number): Promise<void> {
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      try {
        await this.#tryConnect(socket, port);
        return;
      } catch (error) {
        // Nothing is read from the client meanwhile, so only a look tells that it has gone.
        if (performance.now() >= deadline || peerSendsNoMore(socket)) throw error;
      }
      await delay(HYBRID_RETRY_INTERVAL_MS);
    }
  }

  async #tryConnect(socket: Socket, port: number): Promise<void> {
    // A request that reaches a guest without a listener can be lost without an answer: one that may be tried again is.
    const timeoutMs = this.#patienceMs > 0 ? HYBRID_TRY_TIMEOUT_MS : HYBRID_CONNECT_TIMEOUT_MS;
    const { stream, opened } = openStream(this.#muxer, port, timeoutMs);
    const giveUp = () => void stream.destroy();
    socket.once('close', giveUp);
    try {
      await opened;
    } finally {
      socket.removeListener('close', giveUp);
    }
    socket.write(formatOk(stream.localPort));
    splice(socket, stream);
  }

  #offered(offer: Offer): void {
    const socket = createConnection({ path: guestInitiatedPath(this.#path, offer.port), allowHalfOpen: true });
    this.#track(socket);
    socket.setTimeout(ACCEPT_TIMEOUT_MS, () => socket.destroy());
    const refuse = () => offer.refuse();
    socket.once('close', refuse);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeListener('close', refuse);
      const stream = offer.accept((connection) => new VsockStream(connection));
      if (stream === undefined) socket.destroy();
      else splice(socket, stream);
    });
  }
}

/**
 * Reads the request line; bytes after it go back to the socket.
 * @throws KataError ERR_PROTOCOL where it is none, ERR_DEADLINE where it does not come, ERR_UNAVAILABLE at its end.
 */
async function readRequest(socket: Socket): Promise<number> {
  const port = parseConnect(await readLine(socket, REQUEST_LINE_MAX_BYTES, HYBRID_REQUEST_TIMEOUT_MS));
  if (port === undefined) throw new KataError('ERR_PROTOCOL', 'hybrid vsock: the request is not CONNECT <port>');
  return port;
}
