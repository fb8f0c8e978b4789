/**
 * Directories that are held open. Names are looked up from the directory itself, by way of /proc/self/fd: whoever renames
 * or replaces what leads to it changes nothing. The last name of such a path is never followed by what is used here.
 */
import { Buffer } from 'node:buffer';
import { closeSync, constants, mkdirSync, openSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import {
  O_PATH,
  openByRules,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from '../../../linux/open-at.ts';
import { O_CLOEXEC } from '../../../linux/pipe.ts';
import { hasErrno, KataError } from '../../../wire/error.ts';

const DIRECTORY = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW | O_CLOEXEC;
/** Each level holds a descriptor, and descriptors are the whole agent's. */
const MAX_DEPTH = 256;

/** A name in a directory: one component, in whatever bytes. */
export type Name = string | Buffer;

/** A directory. Whoever makes one closes it. */
export class HeldDirectory {
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Makes a directory, with its parents where they are missing, and holds it. */
  static make(path: string): HeldDirectory {
    mkdirSync(path, { recursive: true });
    return HeldDirectory.open(path);
  }

  /** Holds a directory. @throws an error of Node: ENOTDIR where it is a link, or no directory. */
  static open(path: string): HeldDirectory {
    return new HeldDirectory(openSync(path, DIRECTORY));
  }

  /** A path of the directory itself. */
  get path(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  /** A path of a name in it. */
  entry(name: Name): Buffer {
    return Buffer.concat([Buffer.from(`${this.path}/`), Buffer.from(name)]);
  }

  /**
   * Holds a directory below it, in such a way that no link leads out. Links on the way are followed as after a chroot to
   * this directory.
   * @param path relative.
   */
  below(path: string): HeldDirectory {
    const rules = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    return new HeldDirectory(openByRules(this.fd, path, O_PATH | constants.O_DIRECTORY | O_CLOEXEC, rules));
  }

  /** Holds a directory in it that is no link, and no mount. @throws KataError ERR_SYSCALL: ENOTDIR, EXDEV, ENOENT. */
  child(name: Name): HeldDirectory {
    return new HeldDirectory(openByRules(this.fd, name, DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
  }

  /** Names in it. */
  names(): readonly Buffer[] {
    return readdirSync(this.path, { encoding: 'buffer' });
  }

  /** Removes what has that name, a directory with all that is in it. Nothing is done where there is nothing. */
  remove(name: Name): void {
    this.#remove(name, 1);
  }

  close(): void {
    closeSync(this.fd);
  }

  #remove(name: Name, depth: number): void {
    if (this.#unlinked(name)) return;
    checkDepth(depth);
    const directory = this.child(name);
    try {
      for (const inside of directory.names()) directory.#remove(inside, depth + 1);
    } finally {
      directory.close();
    }
    rmdirSync(this.entry(name));
  }

  /** False where it is a directory. */
  #unlinked(name: Name): boolean {
    try {
      unlinkSync(this.entry(name));
    } catch (error) {
      if (hasErrno(error, 'EISDIR', 'EPERM')) return false;
      if (!hasErrno(error, 'ENOENT')) throw error;
    }
    return true;
  }
}

/** @throws KataError ERR_RESOURCE_EXHAUSTED below the deepest level to which a tree is followed. */
export function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) {
    throw new KataError('ERR_RESOURCE_EXHAUSTED', `a tree of more than ${MAX_DEPTH} levels is not followed`);
  }
}

/** Uses a directory and closes it. */
export function using<T>(directory: HeldDirectory, use: (directory: HeldDirectory) => T): T {
  try {
    return use(directory);
  } finally {
    directory.close();
  }
}
