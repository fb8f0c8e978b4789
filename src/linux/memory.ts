/** Memory shared with another process: a file mapped into ours and seen without a copy. */
import { fstatSync } from 'node:fs';
import { KataError } from '../wire/error.ts';
import { check } from './errno.ts';
import { libc, viewMemory } from './ffi.ts';

const native = libc({
  // SAFETY: a null address lets the kernel choose a free range; the answer is checked before it is used.
  mmap: { arguments: ['pointer', 'uint64', 'int32', 'int32', 'int32', 'int64'], return: 'int64' },
  // SAFETY: called once for a range that mmap gave, after every view of it has been detached.
  munmap: { arguments: ['pointer', 'uint64'], return: 'int32' },
});

// sys/mman.h
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;

/** A file mapped read-write and shared. */
export interface SharedMapping {
  /** The mapped bytes, not copied. Detached by close(): a view that outlives it throws or reads nothing. */
  readonly buffer: ArrayBuffer;
  /** Unmaps; a second call does nothing. */
  close(): void;
}

/**
 * Maps bytes `offset` to `offset + length` of a file, shared with whoever else maps it.
 * @param fd stays the caller's; it may be closed at once.
 * @param offset need not be a multiple of the page size.
 * @throws KataError ERR_INVALID_ARGUMENT where the file is shorter: touching a page past its end would kill the process
 *   with SIGBUS (mmap(2)). ERR_SYSCALL where mmap fails.
 */
export function mapShared(fd: number, offset: number, length: number): SharedMapping {
  const end = offset + length;
  const { size } = fstatSync(fd);
  if (!Number.isSafeInteger(end) || offset < 0 || length <= 0 || end > size) {
    throw new KataError('ERR_INVALID_ARGUMENT', `mapping ${offset}+${length} is not inside the file of ${size} bytes`);
  }
  // From the start of the file, since an offset given to mmap must be a multiple of the page size, which is that of the
  // huge pages where the file is on hugetlbfs.
  const address = check('mmap', native.mmap(null, BigInt(end), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0n));
  const buffer = viewMemory(address + BigInt(offset), length);
  let mapped = true;
  return {
    buffer,
    close() {
      if (!mapped) return;
      mapped = false;
      // Detaches the view first: whoever kept a typed array of it now has one of length zero, not a dangling pointer.
      buffer.transfer(0);
      check('munmap', native.munmap(address, BigInt(end)));
    },
  };
}
