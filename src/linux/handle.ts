/**
 * Descriptors of any stream kind (AF_VSOCK sockets, pipes, eventfds, netlink) as streams of Node.
 *
 * `new net.Socket({fd})` refuses a descriptor whose kind libuv cannot guess, such as AF_VSOCK. libuv's pipe handle
 * looks at no address family: it makes the descriptor non-blocking and polls it. Its class is not exported, but every
 * socket on a pipe has one, so we take the class from there.
 */
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { KataError } from '../wire/error.ts';
import { errnoError } from './errno.ts';
import { O_CLOEXEC, pipe2 } from './pipe.ts';

/** What we use of libuv's pipe handle. Methods answer 0 or a negative errno. */
interface PipeHandle {
  open(fd: number): number;
  listen(backlog: number): number;
  close(): void;
  /** Called with 0 and the accepted handle, or with a negative errno. */
  onconnection: ((status: number, client: PipeHandle | undefined) => void) | null;
}
type PipeHandleClass = new (kind: number) => PipeHandle;

// src/pipe_wrap.h of Node: what a handle is for.
const KIND_SOCKET = 0;
const KIND_SERVER = 1;

let cachedClass: PipeHandleClass | undefined;

function pipeHandleClass(): PipeHandleClass {
  if (cachedClass !== undefined) return cachedClass;
  const { read, write } = pipe2(O_CLOEXEC);
  closeSync(write);
  const probe = new Socket({ fd: read, readable: false, writable: false });
  // Reason for the cast: `_handle` is a property of every net.Socket that the public types leave out.
  const handle = (probe as unknown as { _handle: PipeHandle | null })._handle;
  probe.destroy();
  if (handle === null) throw new KataError('ERR_INTERNAL', 'a socket on a pipe has no handle');
  // Reason for the cast: TypeScript types `constructor` as Function.
  cachedClass = handle.constructor as PipeHandleClass;
  return cachedClass;
}

function openHandle(kind: number, fd: number): PipeHandle {
  try {
    const handle = new (pipeHandleClass())(kind);
    const result = handle.open(fd);
    if (result < 0) {
      handle.close();
      throw errnoError('uv_pipe_open', -result, `of descriptor ${fd}`);
    }
    return handle;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** How a descriptor is adopted. */
export interface AdoptOptions {
  /** Default true. */
  readonly readable?: boolean;
  /** Default true. */
  readonly writable?: boolean;
  /** Keeps our side open after the peer has ended its own; default false, as for any net.Socket. */
  readonly allowHalfOpen?: boolean;
  /** Default false: reading starts at once. True: it starts with the first read() or 'data' listener. */
  readonly pauseOnCreate?: boolean;
}

function socketOf(handle: PipeHandle, options: AdoptOptions): Socket {
  // `reading` of the handle is left alone: a handle that says that it is reading never starts to.
  const socketOptions = { readable: true, writable: true, ...options, handle };
  // Reason for the cast: net.Socket takes `handle`; the public types leave it out.
  return new Socket(socketOptions as never);
}

/**
 * Makes a stream of a descriptor, which it owns from now on: it is non-blocking, and closed with the stream.
 * end() shuts down the write side of a socket.
 * @throws KataError ERR_SYSCALL where libuv refuses it; the descriptor is closed then too.
 */
export function adoptSocket(fd: number, options: AdoptOptions = {}): Socket {
  return socketOf(openHandle(KIND_SOCKET, fd), options);
}

/** Descriptor of an open stream of ours, which goes on to own it. @throws KataError ERR_INTERNAL where it is closed. */
export function descriptorOf(socket: Socket): number {
  // Reason for the cast: `_handle` is a property of every net.Socket that the public types leave out.
  const handle = (socket as unknown as { _handle: { fd: number } | null })._handle;
  if (handle === null || handle.fd < 0) throw new KataError('ERR_INTERNAL', 'a closed stream has no descriptor');
  return handle.fd;
}

/**
 * Listens on a bound stream socket, which it owns from now on.
 * @param backlog connections that may wait to be accepted; listen(2).
 * @param onConnection gets each accepted connection.
 * @param onError gets an errno that accept(2) gave, such as EMFILE; listening goes on.
 * @returns close() stops listening; connections go on.
 * @throws KataError ERR_SYSCALL where listening fails, such as EADDRINUSE; the descriptor is closed then too.
 */
export function listenOn(
  fd: number,
  backlog: number,
  onConnection: (socket: Socket) => void,
  onError: (error: KataError) => void = () => {},
): { close(): void } {
  const handle = openHandle(KIND_SERVER, fd);
  handle.onconnection = (status, client) => {
    if (status < 0 || client === undefined) onError(errnoError('accept', -status));
    else onConnection(socketOf(client, {}));
  };
  const result = handle.listen(backlog);
  if (result < 0) {
    handle.close();
    throw errnoError('listen', -result);
  }
  return { close: () => handle.close() };
}
