/** A listening Unix socket as a bare descriptor, to hand to a program that accepts on it. */

import { KataError } from '../wire/error.ts';
import { check } from './errno.ts';
import { libc } from './ffi.ts';
import { SOCK_CLOEXEC, SOCK_STREAM } from './socket-constants.ts';

const AF_UNIX = 1;
/** So that no other child inherits it; the one that shall have it gets a copy by dup2. */
/** Offset of the path in struct sockaddr_un (unix(7)). */
const PATH_OFFSET = 2;
/** Bytes of `sun_path`, its final NUL included. */
const PATH_SIZE = 108;

const c = libc({
  // SAFETY: plain numbers; returns a new descriptor or -1.
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  // SAFETY: the buffer is a whole sockaddr_un and its true length is passed; the kernel only reads it.
  bind: { arguments: ['int32', 'buffer', 'uint32'], return: 'int32' },
  // SAFETY: plain numbers on a descriptor that we own.
  listen: { arguments: ['int32', 'int32'], return: 'int32' },
  // SAFETY: closes a descriptor that we own, once.
  close: { arguments: ['int32'], return: 'int32' },
});

/**
 * Makes a listening stream socket at `path`. Unlike a socket of `node:net` it is in blocking mode and nobody in this
 * process accepts on it.
 * @returns the descriptor; the caller closes it.
 * @throws KataError ERR_SYSCALL with the errno (`EADDRINUSE`, `ENAMETOOLONG`).
 */
export function unixListen(path: string, backlog: number): number {
  const address = Buffer.alloc(PATH_OFFSET + PATH_SIZE);
  address.writeUInt16LE(AF_UNIX, 0);
  const bytes = Buffer.from(path);
  if (bytes.length >= PATH_SIZE)
    throw new KataError('ERR_SYSCALL', `bind ${path}: ENAMETOOLONG`, { errno: 'ENAMETOOLONG' });
  bytes.copy(address, PATH_OFFSET);
  const fd = check('socket', c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  try {
    check('bind', c.bind(fd, address, address.length), path);
    check('listen', c.listen(fd, backlog), path);
  } catch (error) {
    c.close(fd);
    throw error;
  }
  return fd;
}
