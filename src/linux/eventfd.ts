/** Event counters, eventfd(2). */
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: plain numbers; returns a new descriptor or -1.
  eventfd: { arguments: ['uint32', 'int32'], return: 'int32' },
  // SAFETY: reads at most the 8 bytes that the buffer has.
  read: { arguments: ['int32', 'buffer', 'uint64'], return: 'int64' },
  // SAFETY: writes the 8 bytes that the buffer has.
  write: { arguments: ['int32', 'buffer', 'uint64'], return: 'int64' },
});

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
/** Every read and write of an eventfd is one 64-bit number. */
const COUNTER_BYTES = 8;

const ONE = Buffer.alloc(COUNTER_BYTES);
ONE.writeBigUInt64LE(1n);
const counter = Buffer.alloc(COUNTER_BYTES);

/**
 * Makes a counter at zero, non-blocking.
 * @returns a descriptor that the caller closes.
 * @throws KataError ERR_SYSCALL, such as EMFILE.
 */
export function createEventfd(): number {
  return check('eventfd', native.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/** Adds one: wakes whoever polls it. A failure (a full counter, EAGAIN) means that it is readable anyway. */
export function signalEventfd(fd: number): void {
  native.write(fd, ONE, BigInt(COUNTER_BYTES));
}

/** Sets the counter of a non-blocking eventfd to zero. @returns false where it was zero. */
export function drainEventfd(fd: number): boolean {
  return native.read(fd, counter, BigInt(COUNTER_BYTES)) === BigInt(COUNTER_BYTES);
}
