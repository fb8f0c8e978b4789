/** Tells when a descriptor can be read, without reading it. */
import { adoptSocket } from './handle.ts';

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
  const socket = adoptSocket(fd, { writable: false, pauseOnCreate: true });
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
