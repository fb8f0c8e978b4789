/** Resource limits of the process; getrlimit(2). */
import { Buffer } from 'node:buffer';
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: writes a struct rlimit, two unsigned longs; the buffer has 16 bytes.
  getrlimit: { arguments: ['int32', 'buffer'], return: 'int32' },
  // SAFETY: reads a struct rlimit, two unsigned longs; the buffer has 16 bytes.
  setrlimit: { arguments: ['int32', 'buffer'], return: 'int32' },
});

/** Open descriptors (asm-generic/resource.h). */
export const RLIMIT_NOFILE = 7;

/** A limit: `soft` holds now, and may be raised up to `hard`. */
export interface Rlimit {
  readonly soft: bigint;
  readonly hard: bigint;
}

/**
 * Reads a limit.
 * @param resource RLIMIT_*.
 * @throws KataError ERR_SYSCALL: EINVAL for an unknown resource.
 */
export function getRlimit(resource: number): Rlimit {
  const limit = Buffer.alloc(16);
  check('getrlimit', native.getrlimit(resource, limit), `${resource}`);
  return { soft: limit.readBigUInt64LE(0), hard: limit.readBigUInt64LE(8) };
}

/**
 * Sets a limit.
 * @throws KataError ERR_SYSCALL: EPERM where the hard limit is raised without CAP_SYS_RESOURCE, or RLIMIT_NOFILE above
 *   /proc/sys/fs/nr_open; EINVAL where soft is above hard.
 */
export function setRlimit(resource: number, limit: Rlimit): void {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(limit.soft, 0);
  bytes.writeBigUInt64LE(limit.hard, 8);
  check('setrlimit', native.setrlimit(resource, bytes), `${resource}`);
}
