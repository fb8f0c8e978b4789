/** The host name of the caller's UTS namespace. */
import { type Bytes, cString, printable } from './cstring.ts';
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: reads exactly `len` bytes of the buffer.
  sethostname: { arguments: ['buffer', 'uint64'], return: 'int32' },
});

/**
 * Sets the host name.
 * @throws KataError ERR_SYSCALL: EINVAL above 64 bytes, EPERM; ERR_INVALID_ARGUMENT for a NUL in it.
 */
export function setHostname(name: Bytes): void {
  const bytes = cString('hostname', name);
  check('sethostname', native.sethostname(bytes, BigInt(bytes.length - 1)), printable(name));
}
