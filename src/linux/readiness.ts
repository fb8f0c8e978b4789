/** Tells when a descriptor can be read, without reading it. */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { check } from './errno.ts';
import { libc } from './ffi.ts';
import { adoptSocket } from './handle.ts';

const native = libc({
  // SAFETY: one struct pollfd of 8 bytes, count 1; never waits, since the timeout is 0.
  poll: { arguments: ['buffer', 'uint64', 'int32'], return: 'int32' },
});

// poll.h; struct pollfd has the descriptor, then what is asked for and what is the case, 16 bits each.
const POLLRDHUP = 0x2000;
const POLLFD_BYTES = 8;
const EVENTS_AT = 4;

/** What we use of libuv's stream handle. */
interface StreamHandle {
  onread: () => void;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
}

/** A watched descriptor. */
export interface ReadinessWatch {
  /** Stops to report until resume(). */
  pause(): void;
  /** Reports again, at once where the descriptor can be read by now. */
  resume(): void;
  /** Stops and closes the descriptor; a second call does nothing. */
  close(): void;
}

/**
 * Calls `onReadable` whenever `fd` can be read (data, end of stream or error), again and again until everything has
 * been read: the caller must read until EAGAIN, or the event loop spins.
 *
 * Node has no interface for this, libuv's stream handle has: given a read buffer of no bytes it reports ENOBUFS instead
 * of reading (uv_read_start, "the callback ... if the buffer has a length of 0"), and goes on polling. That keeps the
 * descriptors that arrive beside the bytes, which a read by libuv would drop, and needs neither a thread nor a timer.
 * @param fd owned by the watch from now on; it becomes non-blocking.
 * @throws KataError ERR_SYSCALL where the descriptor cannot be polled; it is then still the caller's.
 */
export function watchReadable(fd: number, onReadable: () => void): ReadinessWatch {
  return watchStream(adoptSocket(fd, { writable: false, pauseOnCreate: true }), onReadable);
}

/**
 * As {@link watchReadable} for the descriptor of a stream that nobody reads from; it must have been made with
 * `pauseOnCreate`. Writing goes on as before, and close() destroys the stream.
 */
export function watchStream(socket: Socket, onReadable: () => void): ReadinessWatch {
  // Reason for the cast: `_handle` is a property of every net.Socket that the public types leave out.
  const handle = (socket as unknown as { _handle: StreamHandle })._handle;
  handle.useUserBuffer(Buffer.alloc(0));
  handle.onread = onReadable;
  handle.readStart();
  return {
    pause: () => void handle.readStop(),
    resume: () => void handle.readStart(),
    close: () => void socket.destroy(),
  };
}

/**
 * Whether the peer of a socket has ended its side, though there may be bytes to read before that end. A stream that does
 * not read at the moment would not know.
 * @throws KataError ERR_SYSCALL.
 */
export function peerSendsNoMore(socket: Socket): boolean {
  // Reason for the cast: `_handle` is a property of every net.Socket that the public types leave out; null once closed.
  const handle = (socket as unknown as { _handle: { readonly fd: number } | null })._handle;
  if (handle === null) return true;
  const pollfd = Buffer.alloc(POLLFD_BYTES);
  pollfd.writeInt32LE(handle.fd, 0);
  pollfd.writeInt16LE(POLLRDHUP, EVENTS_AT);
  // Errors and a full hang-up are told without being asked for.
  return check('poll', native.poll(pollfd, 1n, 0)) > 0;
}
