/** Finds a program and a working directory in the container. */
import { closeSync, constants, fstatSync } from 'node:fs';
import { errnoName } from '../../../linux/errno.ts';
import { AT_FDCWD, executableAt, O_PATH, openAt } from '../../../linux/open-at.ts';
import { O_CLOEXEC } from '../../../linux/pipe.ts';
import { KataError } from '../../../wire/error.ts';
import { execError } from '../exec-error.ts';

const DIRECTORY_FLAGS = O_PATH | constants.O_DIRECTORY | O_CLOEXEC;

const PATH_PREFIX = 'PATH=';

/** What tells that a program is not in a directory of PATH, rather than that it cannot be executed; execvp(3). */
const ELSEWHERE: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ESTALE', 'ENODEV', 'ETIMEDOUT', 'ENAMETOOLONG']);

/**
 * Opens a working directory without reading it.
 * @throws KataError ERR_EXEC of phase `cwd`.
 */
export function openDirectory(path: string): number {
  try {
    return openAt(AT_FDCWD, path, DIRECTORY_FLAGS);
  } catch (error) {
    const { errno, message } = KataError.from(error);
    throw execError('cwd', path, errno ?? message);
  }
}

function isRegular(cwd: number, path: string): boolean {
  try {
    const fd = openAt(cwd, path, O_PATH | O_CLOEXEC);
    try {
      return fstatSync(fd).isFile();
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}

/** Why a file cannot be executed, as an errno's name; undefined where it seems that it can. */
function obstacle(cwd: number, path: string): string | undefined {
  const number = executableAt(cwd, path);
  if (number !== undefined) return errnoName(number);
  return isRegular(cwd, path) ? undefined : 'EACCES';
}

/**
 * Finds a program as execvp(3) does: by its path where it has a slash, else in the directories of PATH. The thread acts as
 * the user who will run it.
 * @param cwd descriptor of the directory where relative paths begin.
 * @returns a path that may be relative to `cwd`.
 * @throws KataError ERR_EXEC of phase `exec`: ENOENT where it is missing; EACCES where it is there, but is no program.
 */
export function findInContainer(name: string, env: readonly string[], cwd: number): string {
  if (name === '') throw execError('exec', '""', 'ENOENT');
  if (name.includes('/')) {
    const errno = obstacle(cwd, name);
    if (errno !== undefined) throw execError('exec', name, errno);
    return name;
  }
  const path = env.find((entry) => entry.startsWith(PATH_PREFIX))?.slice(PATH_PREFIX.length);
  let reason = 'ENOENT';
  for (const directory of path?.split(':') ?? []) {
    // An empty part is the working directory.
    const file = directory === '' ? `./${name}` : `${directory}/${name}`;
    const errno = obstacle(cwd, file);
    if (errno === undefined) return file;
    if (errno === 'EACCES') reason = errno;
    else if (!ELSEWHERE.has(errno)) throw execError('exec', name, errno);
  }
  throw execError('exec', name, reason);
}
