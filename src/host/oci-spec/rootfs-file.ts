/** Reads small files of a container's root from the host. The root is untrusted: it must not lead us elsewhere. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

/** Account files are a few kilobytes; what is longer is not read further. */
const MAX_BYTES = 1 << 20;

/**
 * Text of `etc/<name>` below `root`. Empty where it is absent, no regular file, or reached through a symbolic link,
 * which on the host would point out of the container.
 */
export function readEtcFile(root: string, name: 'passwd' | 'group'): string {
  const directory = join(root, 'etc');
  let fd: number;
  try {
    if (!lstatSync(directory).isDirectory()) return '';
    // O_NONBLOCK: opening a FIFO must not wait for its other end.
    fd = openSync(join(directory, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return '';
  }
  try {
    if (!fstatSync(fd).isFile()) return '';
    const bytes = Buffer.alloc(MAX_BYTES);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, MAX_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}
