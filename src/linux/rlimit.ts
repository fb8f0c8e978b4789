/** Resource limits of the process; getrlimit(2). */
import { Buffer } from 'node:buffer';
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: writes a struct rlimit, two unsigned longs; the buffer has 16 bytes.
  getrlimit: { arguments: ['int32', 'buffer'], return: 'int32' },
  // SAFETY: reads a struct rlimit, two unsigned longs; the buffer has 16 bytes.
  setrlimit: { arguments: ['int32', 'buffer'], return: 'int32' },
  // SAFETY: reads a struct rlimit, two unsigned longs; the buffer has 16 bytes. Nothing is written: the last one is null.
  prlimit: { arguments: ['int32', 'int32', 'buffer', 'pointer'], return: 'int32' },
});

/** Numbers of the limits by their name (asm-generic/resource.h). */
const RLIMIT_NUMBERS: ReadonlyMap<string, number> = new Map(
  [
    'RLIMIT_CPU',
    'RLIMIT_FSIZE',
    'RLIMIT_DATA',
    'RLIMIT_STACK',
    'RLIMIT_CORE',
    'RLIMIT_RSS',
    'RLIMIT_NPROC',
    'RLIMIT_NOFILE',
    'RLIMIT_MEMLOCK',
    'RLIMIT_AS',
    'RLIMIT_LOCKS',
    'RLIMIT_SIGPENDING',
    'RLIMIT_MSGQUEUE',
    'RLIMIT_NICE',
    'RLIMIT_RTPRIO',
    'RLIMIT_RTTIME',
  ].map((name, number) => [name, number] as const),
);

/** Open descriptors. */
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

function rlimitBytes(limit: Rlimit): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(limit.soft, 0);
  bytes.writeBigUInt64LE(limit.hard, 8);
  return bytes;
}

/**
 * Sets a limit.
 * @throws KataError ERR_SYSCALL: EPERM where the hard limit is raised without CAP_SYS_RESOURCE, or RLIMIT_NOFILE above
 *   /proc/sys/fs/nr_open; EINVAL where soft is above hard.
 */
export function setRlimit(resource: number, limit: Rlimit): void {
  check('setrlimit', native.setrlimit(resource, rlimitBytes(limit)), `${resource}`);
}

/**
 * Sets a limit of another process.
 * @param name such as `RLIMIT_NOFILE`.
 * @throws KataError ERR_SYSCALL as {@link setRlimit}; ESRCH where the process has gone; EINVAL for an unknown name.
 */
export function setRlimitOf(pid: number, name: string, limit: Rlimit): void {
  const resource = RLIMIT_NUMBERS.get(name) ?? -1;
  check('prlimit', native.prlimit(pid, resource, rlimitBytes(limit), null), name);
}
