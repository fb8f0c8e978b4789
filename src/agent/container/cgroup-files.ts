/** The files of one cgroup, wherever its controllers are mounted. */
import { readdirSync, readFileSync } from 'node:fs';
import { hasErrno, KataError } from '../../wire/error.ts';
import { unlessGone } from './cgroup-tree.ts';

/** What a reader of cgroup files needs. */
export interface CgroupFiles {
  /**
   * Path of a file; undefined where there is none.
   * @param beside another file of the same directory, for a name that both versions of the hierarchy have.
   */
  path(file: string, beside?: string): string | undefined;
  /** Text of a file; undefined where there is none, it goes meanwhile, or the kernel does not count what is in it. */
  read(file: string, beside?: string): string | undefined;
  /** Names of all files. */
  names(): ReadonlySet<string>;
}

/**
 * Looks at a cgroup once, and then reads its files.
 * @param directories where it lies: one for version 2, one for each hierarchy for version 1. Any may be gone.
 */
export function cgroupFiles(directories: readonly string[]): CgroupFiles {
  // One look at each directory: a container has some forty files in up to a dozen of them.
  const index = directories.map((directory) => ({
    directory,
    names: new Set(unlessGone(() => readdirSync(directory), [])),
  }));
  const path = (file: string, beside = file): string | undefined => {
    const found = index.find(({ names }) => names.has(file) && names.has(beside));
    return found === undefined ? undefined : `${found.directory}/${file}`;
  };
  return {
    path,
    read(file, beside) {
      const from = path(file, beside);
      return from === undefined ? undefined : readCounter(from);
    },
    names: () => new Set(index.flatMap(({ names }) => [...names])),
  };
}

function readCounter(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // EOPNOTSUPP: the kernel has the file, but what it counts is switched off.
    if (hasErrno(error, 'ENOENT', 'ENODEV', 'EOPNOTSUPP')) return undefined;
    throw KataError.from(error);
  }
}
