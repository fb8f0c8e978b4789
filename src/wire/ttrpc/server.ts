/** A ttrpc server: it is given connections and serves each of them on its own. */
import type { Duplex } from 'node:stream';
import { type CallHandler, ServerConnection } from './server-connection.ts';

export type { ServerCall } from './server-connection.ts';

/** Settings of a {@link TtrpcServer}. */
export interface TtrpcServerOptions {
  /** Does the calls of all connections. */
  readonly handler: CallHandler;
}

/** Serves any number of connections at a time; who accepts them, and where, is not its business. */
export class TtrpcServer {
  readonly #handler: CallHandler;
  readonly #connections = new Set<ServerConnection>();
  #closing = false;

  constructor({ handler }: TtrpcServerOptions) {
    this.#handler = handler;
  }

  /** Serves a connection until either side ends it. The stream belongs to the server from now on. */
  serve(stream: Duplex): void {
    if (this.#closing) {
      stream.destroy();
      return;
    }
    const connection = new ServerConnection(stream, this.#handler);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }

  /**
   * Takes no more calls and no more connections. Calls that run are told to give up; their answers still go out.
   * Resolves when every connection is closed, which takes no longer than DRAIN_TIMEOUT_MS.
   */
  async close(): Promise<void> {
    this.#closing = true;
    const connections = [...this.#connections];
    for (const connection of connections) connection.drain('the server is closing');
    await Promise.all(connections.map((connection) => connection.closed));
  }
}
