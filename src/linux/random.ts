/** The kernel's source of randomness; random(4). */
import { Buffer } from 'node:buffer';
import { closeSync, openSync } from 'node:fs';
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: RNDADDENTROPY reads a struct rand_pool_info and as many bytes behind it as its second member says, all of
  // which the buffer has; variadic, passed as if declared on x86-64 and arm64.
  ioctl: { arguments: ['int32', 'uint64', 'buffer'], return: 'int32' },
});

// linux/random.h
const RNDADDENTROPY = 0x4008_5203n;
const RNDRESEEDCRNG = 0x5207n;
/** struct rand_pool_info without its bytes: how many bits they are worth, and how many bytes they are. */
const HEADER_BYTES = 8;
const BITS_PER_BYTE = 8;

const DEVICE = '/dev/random';

/**
 * Mixes bytes into the kernel's pool, trusts each of their bits, and lets the generator start anew from the pool.
 * @throws KataError ERR_SYSCALL: EPERM without CAP_SYS_ADMIN; an error of Node where the device cannot be opened.
 */
export function reseedRandom(data: Uint8Array): void {
  const pool = Buffer.alloc(HEADER_BYTES + data.length);
  pool.writeInt32LE(data.length * BITS_PER_BYTE, 0);
  pool.writeInt32LE(data.length, 4);
  pool.set(data, HEADER_BYTES);
  const fd = openSync(DEVICE, 'r+');
  try {
    check('ioctl RNDADDENTROPY', native.ioctl(fd, RNDADDENTROPY, pool));
    check('ioctl RNDRESEEDCRNG', native.ioctl(fd, RNDRESEEDCRNG, null));
  } finally {
    closeSync(fd);
  }
}
