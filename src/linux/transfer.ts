/** Reads and writes of non-blocking descriptors that never wait. */
import { readSync, writeSync } from 'node:fs';
import { hasErrno, KataError } from '../wire/error.ts';

/** Undefined where the descriptor would have to wait. @throws KataError ERR_SYSCALL. */
function unlessWaiting(transfer: () => number): number | undefined {
  try {
    return transfer();
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return undefined;
    throw KataError.from(error);
  }
}

/**
 * Reads what is there.
 * @returns the number of bytes, 0 at the end; undefined where there is nothing yet.
 * @throws KataError ERR_SYSCALL, such as ECONNRESET.
 */
export function readAvailable(fd: number, buffer: Uint8Array): number | undefined {
  return unlessWaiting(() => readSync(fd, buffer));
}

/**
 * Writes as much as there is room for.
 * @returns the number of bytes that were taken; `bytes` belongs to the caller again.
 * @throws KataError ERR_SYSCALL, such as EPIPE.
 */
export function writeAvailable(fd: number, bytes: Uint8Array): number {
  return unlessWaiting(() => writeSync(fd, bytes)) ?? 0;
}
