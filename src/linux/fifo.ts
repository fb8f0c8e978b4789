/** Named pipes; fifo(7). */
import { closeSync, constants } from 'node:fs';
import { cString } from './cstring.ts';
import { check, errnoError, errnoName } from './errno.ts';
import { errno, libc } from './ffi.ts';
import { O_CLOEXEC } from './pipe.ts';

const native = libc({
  // SAFETY: the path is NUL-terminated.
  mkfifo: { arguments: ['buffer', 'uint32'], return: 'int32' },
  // SAFETY: the path is NUL-terminated; the mode, an int in the variadic part, is passed though no file is made.
  open: { arguments: ['buffer', 'int32', 'uint32'], return: 'int32' },
});

/**
 * Makes a named pipe.
 * @param mode permissions, cut by the umask.
 * @throws KataError ERR_SYSCALL: EEXIST, ENOENT.
 */
export function makeFifo(path: string, mode: number): void {
  check('mkfifo', native.mkfifo(cString('path', path), mode), path);
}

/**
 * Lets those go on who wait in open(2) to read from a named pipe.
 * @param path of the pipe, ended by NUL; asked for again and again, so it is not made each time.
 * @returns false where nobody waits there, or it has been removed.
 * @throws KataError ERR_SYSCALL, such as EMFILE.
 */
export function releaseFifo(path: Buffer): boolean {
  const fd = native.open(path, constants.O_WRONLY | constants.O_NONBLOCK | O_CLOEXEC, 0);
  if (fd >= 0) {
    closeSync(fd);
    return true;
  }
  const number = errno();
  if (['ENXIO', 'ENOENT'].includes(errnoName(number))) return false;
  throw errnoError('open', number, path.toString('utf8', 0, path.length - 1));
}
