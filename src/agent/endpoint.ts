/** The address that the agent listens on. */

import { lstatSync, rmSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import { listenOn } from '../linux/handle.ts';
import { vsockListen } from '../linux/vsock.ts';
import { hasErrno, KataError } from '../wire/error.ts';
import type { Logger } from './log/logger.ts';

/** Where to listen. */
export type Endpoint =
  | { readonly kind: 'vsock'; readonly cid: number; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'abstract'; readonly name: string };

/** The greatest 32-bit context id and port that name one; the value above means "any" (linux/vm_sockets.h). */
const MAX_VSOCK_NUMBER = 2 ** 32 - 2;
/** Bytes of a socket's path or abstract name: sun_path is 108, of which one is the closing or leading NUL (unix(7)). */
const MAX_UNIX_NAME_BYTES = 107;

/**
 * Connections that may wait to be accepted. libuv accepts one a turn of the loop, and on vsock one that finds no room
 * is reset: a burst from the host waits here instead. The kernel's own limit is 4096 (net.core.somaxconn).
 */
const BACKLOG = 512;

/**
 * Connections at a time. The host's shim holds one, tools a few; the bound only keeps a host that leaks them from
 * taking every descriptor.
 */
const MAX_CONNECTIONS = 1024;

function parseVsock(address: string, rest: string): Endpoint {
  const match = /^(-1|\d+):(\d+)$/.exec(rest);
  const cid = Number(match?.[1]);
  const port = Number(match?.[2]);
  if (match === null || cid > MAX_VSOCK_NUMBER || port > MAX_VSOCK_NUMBER) {
    throw new KataError('ERR_INVALID_ARGUMENT', `server address "${address}": not vsock://CID:PORT`);
  }
  return { kind: 'vsock', cid, port };
}

function parseUnix(address: string, rest: string): Endpoint {
  const abstract = rest.startsWith('@');
  const name = abstract ? rest.slice(1) : rest;
  const length = Buffer.byteLength(name);
  if (length === 0 || length > MAX_UNIX_NAME_BYTES || name.includes('\0') || !(abstract || name.startsWith('/'))) {
    const wanted = `unix:///PATH or unix://@NAME of at most ${MAX_UNIX_NAME_BYTES} bytes`;
    throw new KataError('ERR_INVALID_ARGUMENT', `server address "${address}": not ${wanted}`);
  }
  return abstract ? { kind: 'abstract', name } : { kind: 'unix', path: name };
}

/**
 * Parses `vsock://CID:PORT` (CID -1 for any), `unix:///path` or `unix://@name`.
 * @throws KataError ERR_INVALID_ARGUMENT with the address.
 */
export function parseEndpoint(address: string): Endpoint {
  const match = /^(vsock|unix):\/\/(.*)$/s.exec(address);
  const rest = match?.[2] ?? '';
  if (match?.[1] === 'vsock') return parseVsock(address, rest);
  if (match?.[1] === 'unix') return parseUnix(address, rest);
  throw new KataError('ERR_INVALID_ARGUMENT', `server address "${address}": neither vsock:// nor unix://`);
}

/** Lets at most MAX_CONNECTIONS through to `onConnection`; those beyond are closed at once. */
function capped(logger: Logger, onConnection: (socket: Socket) => void): (socket: Socket) => void {
  let open = 0;
  return (socket) => {
    if (open >= MAX_CONNECTIONS) {
      logger.warn({ limit: MAX_CONNECTIONS }, 'connection refused: too many are open');
      socket.destroy();
      return;
    }
    open += 1;
    socket.on('close', () => {
      open -= 1;
    });
    onConnection(socket);
  };
}

function listening(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ path, backlog: BACKLOG }, () => {
    server.off('error', reject);
    resolve();
  });
  return promise;
}

/** Whether `path` is a socket file that outlived the process that made it. */
function isStale(path: string): Promise<boolean> {
  // Connecting to an ordinary file is refused too, and that one must not be removed.
  if (!lstatSync(path).isSocket()) return Promise.resolve(false);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const probe = new Socket();
  probe.on('error', (error) => resolve(hasErrno(error, 'ECONNREFUSED')));
  probe.connect(path, () => {
    probe.destroy();
    resolve(false);
  });
  return promise;
}

async function listenUnix(path: string, onConnection: (socket: Socket) => void, logger: Logger): Promise<Server> {
  const server = createServer(onConnection);
  try {
    await listening(server, path);
  } catch (error) {
    if (!hasErrno(error, 'EADDRINUSE') || path.startsWith('\0') || !(await isStale(path))) {
      throw KataError.from(error);
    }
    rmSync(path, { force: true });
    await listening(server, path);
  }
  server.on('error', (error) => logger.warn({ error }, 'accepting a connection failed'));
  return server;
}

/**
 * Listens on an endpoint.
 * @returns close() ends listening, and removes a socket file; connections go on.
 * @throws KataError ERR_SYSCALL: EADDRINUSE, EAFNOSUPPORT without vsock, ...
 */
export async function listen(
  endpoint: Endpoint,
  logger: Logger,
  onConnection: (socket: Socket) => void,
): Promise<{ close(): void }> {
  const accept = capped(logger, onConnection);
  if (endpoint.kind === 'vsock') {
    const fd = vsockListen(endpoint.cid, endpoint.port);
    return listenOn(fd, BACKLOG, accept, (error) => logger.warn({ error }, 'accepting a connection failed'));
  }
  const path = endpoint.kind === 'abstract' ? `\0${endpoint.name}` : endpoint.path;
  const server = await listenUnix(path, accept, logger);
  return { close: () => server.close() };
}
