/** The REST API of a machine monitor on its Unix socket, as Kata's shims call it. */
import { chmodSync, closeSync } from 'node:fs';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server } from 'node:net';
import { closeServer, listenAt } from '../../host/vsock/unix-server.ts';
import { KataError } from '../../wire/error.ts';
import type { Log } from '../log.ts';
import type { Vmm } from '../vmm.ts';
import { sendError, sendValue, statusOf } from './answer.ts';
import { ApiConnection } from './api-connection.ts';
import { readJson } from './request-body.ts';
import { API_ROOT, ROUTES, SHUTDOWN_PATH } from './routes.ts';

/** A shim keeps one or two connections, and its monitor another. */
const CONNECTIONS_MAX = 64;

/** What a server is made of. */
export interface ApiServerOptions {
  readonly path: string;
  readonly vmm: Vmm;
  readonly log: Log;
  /** Called when the first request comes. */
  readonly onFirstRequest: () => void;
  /** Called when `vmm.shutdown` has been answered. */
  readonly onShutdown: () => void;
}

/** A listening API. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #connections = new Set<ApiConnection>();
  readonly #http: HttpServer;
  readonly #server: Server;
  #isAsked = false;

  private constructor(options: ApiServerOptions) {
    this.#options = options;
    // Clients keep a connection for later and do not expect it to end: a request that meets its end is lost to them.
    this.#http = createHttpServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (message, response) => {
      void this.#answer(message, response);
    });
    // Reason for the cast: the only connections that the HTTP server is given are ours.
    this.#http.on('clientError', (error, socket) => this.#notHttp(error, socket as ApiConnection));
    this.#server = createServer({ pauseOnConnect: true }, (socket) => {
      const connection = new ApiConnection(socket);
      this.#connections.add(connection);
      connection.on('close', () => this.#connections.delete(connection));
      connection.on('error', (error) => options.log.debug(`API: a connection failed: ${error.message}`));
      this.#http.emit('connection', connection);
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
  }

  /** Listens, for root alone. @throws KataError ERR_SYSCALL, such as EADDRINUSE. */
  static async open(options: ApiServerOptions): Promise<ApiServer> {
    const server = new ApiServer(options);
    await listenAt(server.#server, options.path);
    chmodSync(options.path, 0o600);
    return server;
  }

  /** Ends every connection and removes the socket. */
  async close(): Promise<void> {
    const closed = closeServer(this.#server);
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  #notHttp(error: Error, connection: ApiConnection): void {
    // What comes behind it is no better.
    if (!connection.writable) return;
    this.#options.log.warn(`API: a request is not HTTP: ${error.message}`);
    connection.write('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    connection.destroySoon();
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!this.#isAsked) this.#options.onFirstRequest();
    this.#isAsked = true;
    const name = `${message.method} ${message.url}`;
    try {
      const value = await this.#perform(message);
      sendValue(response, value);
      this.#options.log.debug(`API: ${name}: ${response.statusCode}`);
      if (isShutdown(message)) response.once('close', this.#options.onShutdown);
    } catch (error) {
      this.#refuse(message, response, `${name}: ${KataError.from(error).message}`, statusOf(error));
    }
  }

  async #perform(message: IncomingMessage): Promise<unknown> {
    // Reason for the cast: the only connections that the HTTP server is given are ours.
    const connection = message.socket as unknown as ApiConnection;
    try {
      const actions = ROUTES.get(pathOf(message));
      if (actions === undefined)
        throw new KataError('ERR_NOT_FOUND', 'there is no such request, or it is not supported');
      const action = actions[message.method ?? ''];
      if (action === undefined)
        throw new KataError('ERR_UNIMPLEMENTED', `the method is ${Object.keys(actions).join(', ')}`);
      const body = await readJson(message);
      return await action(this.#options.vmm, { body, takeDescriptors: () => connection.takeDescriptors() });
    } finally {
      // Descriptors that nobody wanted.
      for (const fd of connection.takeDescriptors()) closeSync(fd);
    }
  }

  #refuse(message: IncomingMessage, response: ServerResponse, text: string, status: number): void {
    this.#options.log.warn(`API: ${text} (${status})`);
    // What is left of a body that we do not read would be taken for the next request.
    if (!message.complete) response.setHeader('connection', 'close');
    if (!response.headersSent) sendError(response, status, text);
  }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.startsWith(API_ROOT) ? url.slice(API_ROOT.length) : '';
}

function isShutdown(message: IncomingMessage): boolean {
  return pathOf(message) === SHUTDOWN_PATH;
}
