/** Reads and writes of non-blocking descriptors that never wait. */
import { errnoError, errnoName } from './errno.ts';
import { errno, libc } from './ffi.ts';

// Not those of node:fs, which throw where a descriptor would have to wait: the trace of each such error costs more than
// the call.
const native = libc({
  // SAFETY: writes at most as many bytes as the last argument says, which is the buffer's length.
  read: { arguments: ['int32', 'buffer', 'uint64'], return: 'int64' },
  // SAFETY: reads as many bytes as the last argument says, which is the buffer's length.
  write: { arguments: ['int32', 'buffer', 'uint64'], return: 'int64' },
});

/** Undefined where the descriptor would have to wait. @throws KataError ERR_SYSCALL. */
function unlessWaiting(call: string, transfer: () => bigint): number | undefined {
  for (;;) {
    const count = transfer();
    if (count >= 0n) return Number(count);
    const number = errno();
    const name = errnoName(number);
    if (name === 'EAGAIN') return undefined;
    if (name !== 'EINTR') throw errnoError(call, number);
  }
}

/**
 * Reads what is there.
 * @returns the number of bytes, 0 at the end; undefined where there is nothing yet.
 * @throws KataError ERR_SYSCALL, such as ECONNRESET.
 */
export function readAvailable(fd: number, buffer: Uint8Array): number | undefined {
  const length = BigInt(buffer.length);
  return unlessWaiting('read', () => native.read(fd, buffer, length));
}

/**
 * Writes as much as there is room for.
 * @returns the number of bytes that were taken; `bytes` belongs to the caller again.
 * @throws KataError ERR_SYSCALL, such as EPIPE.
 */
export function writeAvailable(fd: number, bytes: Uint8Array): number {
  const length = BigInt(bytes.length);
  return unlessWaiting('write', () => native.write(fd, bytes, length)) ?? 0;
}
