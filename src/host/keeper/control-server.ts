/** The keeper's control socket: HTTP over a Unix socket that only root can reach. */
import { chmodSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../../wire/error.ts';
import { listenAt } from '../vsock/unix-server.ts';
import { type Decoder, decodeJson } from './json.ts';
import type { Keeper } from './keeper.ts';
import type { KeptContainer } from './kept-container.ts';
import {
  ATTACH_PROTOCOL,
  containerRequest,
  KEEPER_SOCKET,
  resizeRequest,
  signalRequest,
  toErrorInfo,
} from './protocol.ts';

/** The longest request is a container to make: arguments and environment, 2 MiB at most for execve(2). */
const BODY_MAX_BYTES = 8 << 20;
/** Answers that are on their way when the keeper ends get so long to arrive (ms). */
const LAST_ANSWER_TIMEOUT_MS = 2_000;

interface Request {
  readonly force: boolean;
  body<T>(decode: Decoder<T>): Promise<T>;
}
type Action<T> = (target: T, request: Request) => Promise<unknown>;

/** What can be asked of the sandbox, by method and path. */
const SANDBOX_ACTIONS: Readonly<Record<string, Action<Keeper>>> = {
  'GET /sandbox': (keeper) => Promise.resolve(keeper.info),
  'DELETE /sandbox': (keeper, { force }) => keeper.removeAll(force),
  'POST /containers': async (keeper, { body }) => ({ id: await keeper.create(await body(containerRequest)) }),
};

/** What can be asked of a container, by method and the rest of the path. */
const CONTAINER_ACTIONS: Readonly<Record<string, Action<KeptContainer>>> = {
  'POST wait': async (container) => ({ status: await container.wait() }),
  'POST signal': async (container, { body }) => container.signal((await body(signalRequest)).signal),
  'POST pause': (container) => container.pause(),
  'POST resume': (container) => container.resume(),
  'POST resize': async (container, { body }) => container.resize(await body(resizeRequest)),
};

const CONTAINER_PATH = /^\/containers\/([^/]+)(?:\/([a-z]+))?$/;

/** A listening control socket. */
export class ControlServer {
  readonly #keeper: Keeper;
  readonly #server: Server;

  private constructor(keeper: Keeper, server: Server) {
    this.#keeper = keeper;
    this.#server = server;
    server.on('request', (message, response) => void this.#answer(message, response));
    server.on('upgrade', (message, socket, head) => this.#attach(message, socket, head));
  }

  /** Listens in the sandbox's state directory. @throws KataError ERR_SYSCALL. */
  static async open(keeper: Keeper): Promise<ControlServer> {
    const { createServer } = await import('node:http');
    const control = new ControlServer(keeper, createServer());
    const path = keeper.state.file(KEEPER_SOCKET);
    await listenAt(control.#server, path);
    // The directory above is root's alone already; a tool that copies modes shall see it here too.
    chmodSync(path, 0o600);
    return control;
  }

  /** Takes no more requests; resolves when the last answer has left, or its time is over. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await Promise.race([closed, delay(LAST_ANSWER_TIMEOUT_MS, undefined, { ref: false })]);
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      send(response, 200, (await this.#perform(message)) ?? {});
    } catch (error) {
      send(response, statusOf(error), toErrorInfo(error));
    }
  }

  async #perform(message: IncomingMessage): Promise<unknown> {
    const { pathname, searchParams } = new URL(message.url ?? '/', 'http://keeper');
    const request: Request = {
      force: searchParams.has('force'),
      body: async (decode) => decodeJson(await readBody(message), decode, 'request'),
    };
    const [, id, rest] = CONTAINER_PATH.exec(pathname) ?? [];
    if (id === undefined) {
      const action = SANDBOX_ACTIONS[`${message.method} ${pathname}`] ?? unknownAction(message);
      return await action(this.#keeper, request);
    }
    if (rest === undefined && message.method === 'DELETE') return await this.#keeper.remove(id, request.force);
    const action = CONTAINER_ACTIONS[`${message.method} ${rest}`] ?? unknownAction(message);
    return await action(this.#keeper.container(id), request);
  }

  #attach(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {});
    try {
      const [, id = '', rest] = CONTAINER_PATH.exec(message.url ?? '') ?? [];
      if (rest !== 'attach' || message.headers.upgrade !== ATTACH_PROTOCOL) unknownAction(message);
      const container = this.#keeper.container(id);
      container.requireAttachable();
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${ATTACH_PROTOCOL}\r\n\r\n`);
      if (head.length > 0) socket.unshift(head);
      container.attach(socket);
    } catch (error) {
      const body = JSON.stringify(toErrorInfo(error));
      const headers = `Connection: close\r\nContent-Length: ${Buffer.byteLength(body)}`;
      socket.end(`HTTP/1.1 ${statusOf(error)} Refused\r\n${headers}\r\n\r\n${body}`);
    }
  }
}

function unknownAction(message: IncomingMessage): never {
  throw new KataError('ERR_UNIMPLEMENTED', `the keeper does not know ${message.method} ${message.url}`);
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > BODY_MAX_BYTES) throw new KataError('ERR_RESOURCE_EXHAUSTED', 'the request is too long');
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  response.end(JSON.stringify(value));
}

function statusOf(error: unknown): number {
  switch (KataError.from(error).code) {
    case 'ERR_NOT_FOUND':
      return 404;
    case 'ERR_FAILED_PRECONDITION':
    case 'ERR_ALREADY_EXISTS':
      return 409;
    case 'ERR_INVALID_ARGUMENT':
    case 'ERR_PROTOCOL':
      return 400;
    case 'ERR_UNIMPLEMENTED':
      return 501;
    default:
      return 500;
  }
}
