/** Reads the user files of the container in which the thread is. */
import { Buffer } from 'node:buffer';
import { closeSync, constants, fstatSync, readSync } from 'node:fs';
import { openWithoutMagicLinks } from '../../../linux/open-at.ts';
import { O_CLOEXEC } from '../../../linux/pipe.ts';
import { hasErrno, KataError } from '../../../wire/error.ts';
import { execError } from '../exec-error.ts';
import { type ResolvedUser, resolveUser } from '../resolve-user.ts';
import type { ExecUser } from '../starter.ts';

/** Far above any real file; the container could make it endless (bytes). */
const FILE_BYTES_MAX = 1024 * 1024;
/** Holds the files of most containers (bytes). */
const USUAL_BYTES = 16 * 1024;
/** Non-blocking, since the container may have put a pipe there that nobody writes to. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | O_CLOEXEC;

/** Kept from file to file: memory that comes and goes costs more than all of the reading. */
let buffer = Buffer.alloc(USUAL_BYTES);

function readLimited(path: string, fd: number): string {
  if (!fstatSync(fd).isFile()) throw new KataError('ERR_SYSCALL', `${path} is no regular file`, { errno: 'EINVAL' });
  let length = 0;
  for (;;) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) return buffer.toString('latin1', 0, length);
    length += count;
    if (length > FILE_BYTES_MAX) throw new KataError('ERR_SYSCALL', `${path} is too large`, { errno: 'EFBIG' });
    if (length === buffer.length) buffer = Buffer.concat([buffer], length * 2);
  }
}

/** Text of a file, Latin-1; empty where it is missing. */
function readUserFile(path: string): string {
  let fd: number;
  try {
    fd = openWithoutMagicLinks(path, OPEN_FLAGS);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return '';
    throw error;
  }
  try {
    return readLimited(path, fd);
  } finally {
    closeSync(fd);
  }
}

/** The same, for what the home directory alone is wanted from. */
function readIfPossible(path: string): string {
  try {
    return readUserFile(path);
  } catch {
    return '';
  }
}

function lookUpNames(user: Extract<ExecUser, { kind: 'names' }>): ResolvedUser {
  try {
    return resolveUser(user, { passwd: () => readUserFile('/etc/passwd'), group: () => readUserFile('/etc/group') });
  } catch (error) {
    const { code, errno, message } = KataError.from(error);
    if (code === 'ERR_EXEC') throw error;
    throw execError('user', JSON.stringify(user.user), errno ?? message);
  }
}

/**
 * Turns a user into numbers, by the files of the container.
 * @param wantsHome false where nobody asks for the home directory, which saves a look at the file for a numeric user.
 * @throws KataError ERR_EXEC of phase `user`.
 */
export function lookUpUser(user: ExecUser, wantsHome: boolean): ResolvedUser {
  if (user.kind === 'names') return lookUpNames(user);
  return resolveUser(user, { passwd: () => (wantsHome ? readIfPossible('/etc/passwd') : ''), group: () => '' });
}
