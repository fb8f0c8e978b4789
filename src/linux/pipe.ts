/** Pipes: made, sized, and asked how much they hold. */
import { Buffer } from 'node:buffer';
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: writes two ints into the buffer, which has 8 bytes.
  pipe2: { arguments: ['buffer', 'int32'], return: 'int32' },
  // SAFETY: F_SETPIPE_SZ takes an int, F_GETPIPE_SZ ignores it; variadic, passed as if declared on x86-64 and arm64.
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  // SAFETY: FIONREAD writes one int into the buffer, which has 4 bytes; variadic as fcntl.
  ioctl: { arguments: ['int32', 'uint64', 'buffer'], return: 'int32' },
});

/** Close the descriptor in a program started by exec (fcntl.h). */
export const O_CLOEXEC = 0o2000000;

/** What a pipe holds unless somebody sets its size (pipe(7)), in bytes. */
const DEFAULT_PIPE_BYTES = 64 * 1024;

// fcntl.h and asm-generic/ioctls.h.
const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;
const FIONREAD = 0x541bn;

/** The two ends of a pipe, as descriptors that the caller owns. */
export interface PipeEnds {
  readonly read: number;
  readonly write: number;
}

/**
 * Makes a pipe.
 * @param flags O_CLOEXEC, O_NONBLOCK; see pipe2(2).
 * @throws KataError ERR_SYSCALL, such as EMFILE.
 */
export function pipe2(flags: number): PipeEnds {
  const ends = Buffer.alloc(8);
  check('pipe2', native.pipe2(ends, flags));
  return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) };
}

/**
 * Sets how many bytes a pipe can hold.
 * @param bytes rounded up by the kernel to a power of two pages.
 * @returns the size that the kernel chose.
 * @throws KataError ERR_SYSCALL: EPERM above /proc/sys/fs/pipe-max-size without CAP_SYS_RESOURCE, EBUSY where the pipe
 *   holds more than that already.
 */
export function setPipeSize(fd: number, bytes: number): number {
  return check('fcntl F_SETPIPE_SZ', native.fcntl(fd, F_SETPIPE_SZ, bytes), `of ${bytes}`);
}

/**
 * Makes a pipe larger, unless its size was set by somebody else. It is no failure where it cannot be: the pipe stays as it
 * is, and so does what is no pipe.
 */
export function growPipe(fd: number, bytes: number): void {
  if (native.fcntl(fd, F_GETPIPE_SZ, 0) === DEFAULT_PIPE_BYTES) native.fcntl(fd, F_SETPIPE_SZ, bytes);
}

/**
 * Bytes that can be read from a pipe, a socket or a terminal at once (FIONREAD, ioctl_tty(2)).
 * @throws KataError ERR_SYSCALL, such as EBADF.
 */
export function bytesReadable(fd: number): number {
  const count = Buffer.alloc(4);
  check('ioctl FIONREAD', native.ioctl(fd, FIONREAD, count));
  return count.readInt32LE(0);
}
