/** AF_VSOCK stream sockets; vsock(7). */
import { Buffer } from 'node:buffer';
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { KataError } from '../wire/error.ts';
import { check, errnoError, errnoName } from './errno.ts';
import { errno, libc } from './ffi.ts';
import { adoptSocket } from './handle.ts';
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET } from './socket-constants.ts';

const native = libc({
  // SAFETY: plain numbers.
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  // SAFETY: reads a struct sockaddr_vm; its length is passed.
  bind: { arguments: ['int32', 'buffer', 'uint32'], return: 'int32' },
  // SAFETY: reads a struct sockaddr_vm; its length is passed. Never waits: the socket is non-blocking.
  connect: { arguments: ['int32', 'buffer', 'uint32'], return: 'int32' },
  // SAFETY: reads the buffer, whose length is passed.
  setsockopt: { arguments: ['int32', 'int32', 'int32', 'buffer', 'uint32'], return: 'int32' },
  // SAFETY: writes at most the length that the last buffer says, which is the value's own, and updates that int.
  getsockopt: { arguments: ['int32', 'int32', 'int32', 'buffer', 'buffer'], return: 'int32' },
  // SAFETY: writes at most the length that the last buffer says, which is that of the address, and updates that int.
  getsockname: { arguments: ['int32', 'buffer', 'buffer'], return: 'int32' },
  // SAFETY: as getsockname.
  accept4: { arguments: ['int32', 'buffer', 'buffer', 'int32'], return: 'int32' },
  // SAFETY: plain numbers.
  listen: { arguments: ['int32', 'int32'], return: 'int32' },
  // SAFETY: one struct pollfd of 8 bytes, count 1; never waits, since the timeout is 0.
  poll: { arguments: ['buffer', 'uint64', 'int32'], return: 'int32' },
});

// bits/socket.h, asm-generic/socket.h, poll.h, linux/vm_sockets.h
const AF_VSOCK = 40;
const SO_ERROR = 4;
const SO_VM_SOCKETS_CONNECT_TIMEOUT = 6;
const POLLOUT = 4;
const SOCKADDR_VM_BYTES = 16;
const PORT_AT = 4;

/** Any context id, for listening (VMADDR_CID_ANY). */
export const VMADDR_CID_ANY = 0xffffffff;

/** A connected socket that knows its own port. */
export type VsockSocket = Socket & { readonly localPort: number };

/** How often a pending connection is looked at: short beside a connection's round trip in an emulated guest (ms). */
const CONNECT_POLL_MS = 2;

function socketAddress(cid: number, port: number): Buffer {
  const address = Buffer.alloc(SOCKADDR_VM_BYTES);
  address.writeUInt16LE(AF_VSOCK, 0);
  address.writeUInt32LE(port, PORT_AT);
  address.writeUInt32LE(cid >>> 0, 8);
  return address;
}

/** Room for an address that the kernel writes, and for its length. */
function addressRoom(): { readonly address: Buffer; readonly length: Buffer } {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(SOCKADDR_VM_BYTES);
  return { address: Buffer.alloc(SOCKADDR_VM_BYTES), length };
}

function portIn(address: Buffer): number {
  return address.readUInt32LE(PORT_AT);
}

function openSocket(): number {
  return check('socket AF_VSOCK', native.socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/** Runs `use` on a new socket, and closes the socket where it throws. */
function withSocket(use: (fd: number) => void): number {
  const fd = openSocket();
  try {
    use(fd);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Binds a stream socket.
 * @param cid own context id; -1 or {@link VMADDR_CID_ANY} for any.
 * @param port 0 to 4294967295.
 * @returns the bound descriptor, not yet listening.
 * @throws KataError ERR_SYSCALL: EAFNOSUPPORT without vsock in the kernel, EADDRINUSE, EADDRNOTAVAIL for a foreign cid.
 */
export function vsockListen(cid: number, port: number): number {
  return withSocket((fd) => {
    check('bind', native.bind(fd, socketAddress(cid, port), SOCKADDR_VM_BYTES), `vsock://${cid}:${port}`);
  });
}

/** A connection that was accepted. */
export interface AcceptedVsock {
  /** Non-blocking, the caller's. */
  readonly fd: number;
  /** Port of the other end. */
  readonly peerPort: number;
}

/**
 * Has a bound socket take connections, which wait for {@link vsockAccept}.
 * @param backlog how many may wait; one that finds no room is reset.
 * @throws KataError ERR_SYSCALL, such as EADDRINUSE.
 */
export function vsockTakeConnections(fd: number, backlog: number): void {
  check('listen', native.listen(fd, backlog));
}

/**
 * Accepts a connection.
 * @returns undefined where none waits.
 * @throws KataError ERR_SYSCALL, such as EMFILE.
 */
export function vsockAccept(fd: number): AcceptedVsock | undefined {
  const { address, length } = addressRoom();
  const accepted = native.accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (accepted >= 0) return { fd: accepted, peerPort: portIn(address) };
  const number = errno();
  if (errnoName(number) === 'EAGAIN') return undefined;
  throw errnoError('accept4', number);
}

function localPortOf(fd: number): number {
  const { address, length } = addressRoom();
  check('getsockname', native.getsockname(fd, address, length));
  return portIn(address);
}

function setConnectTimeout(fd: number, timeoutMs: number): void {
  const timeval = Buffer.alloc(16);
  timeval.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0);
  timeval.writeBigInt64LE(BigInt(Math.floor(timeoutMs % 1000) * 1000), 8);
  const result = native.setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, timeval, timeval.length);
  check('setsockopt SO_VM_SOCKETS_CONNECT_TIMEOUT', result);
}

/** True once the attempt is over, either way. */
function isDecided(fd: number): boolean {
  const pollfd = Buffer.alloc(8);
  pollfd.writeInt32LE(fd, 0);
  pollfd.writeInt16LE(POLLOUT, 4);
  return check('poll', native.poll(pollfd, 1n, 0)) > 0;
}

/** The socket's pending error as a number, 0 for none; reading it clears it. */
function socketError(fd: number): number {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  check('getsockopt SO_ERROR', native.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length));
  return value.readInt32LE(0);
}

/** Waits for the end of a connection attempt, without blocking the thread. */
function waitUntilDecided(fd: number, deadline: number, where: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // A timer, because nothing in Node watches a foreign descriptor for writability: a libuv stream learns of it only by
  // a write, and a vsock write before the connection stands fails with ENOTCONN.
  const look = (): void => {
    try {
      if (isDecided(fd)) {
        const number = socketError(fd);
        if (number === 0) resolve();
        else reject(errnoError('connect', number, where));
      } else if (performance.now() >= deadline) {
        reject(new KataError('ERR_DEADLINE', `connect ${where}: no answer`, { errno: 'ETIMEDOUT' }));
      } else {
        setTimeout(look, CONNECT_POLL_MS);
      }
    } catch (error) {
      reject(KataError.from(error));
    }
  };
  look();
  return promise;
}

/**
 * Connects to a vsock port. The socket is open at either side until that side ends.
 * @param timeoutMs after which the attempt is given up (ms).
 * @throws KataError ERR_SYSCALL: ECONNRESET where nobody listens, ENODEV where there is no such context; ERR_DEADLINE.
 */
export async function vsockConnect(cid: number, port: number, timeoutMs: number): Promise<VsockSocket> {
  const where = `vsock://${cid}:${port}`;
  const deadline = performance.now() + timeoutMs;
  const fd = withSocket((socket) => {
    // The kernel gives up after two seconds of its own unless it is told otherwise.
    setConnectTimeout(socket, timeoutMs);
    const result = native.connect(socket, socketAddress(cid, port), SOCKADDR_VM_BYTES);
    if (result < 0) {
      const number = errno();
      if (errnoName(number) !== 'EINPROGRESS') throw errnoError('connect', number, where);
    }
  });
  try {
    await waitUntilDecided(fd, deadline, where);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const localPort = localPortOf(fd);
  // Reason for the cast: the property is there from here on, in place of Node's own, which knows Internet sockets only.
  return Object.defineProperty(adoptSocket(fd, { allowHalfOpen: true }), 'localPort', {
    value: localPort,
  }) as VsockSocket;
}
