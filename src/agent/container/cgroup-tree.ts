/** Looking into cgroups, which may go at any moment. */
import { readdirSync, readFileSync } from 'node:fs';
import { hasErrno, KataError } from '../../wire/error.ts';

/** Runs `look`; a file or directory that is gone means `otherwise`. */
export function unlessGone<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return otherwise;
    throw KataError.from(error);
  }
}

/** The cgroup and all below it, the deepest first. */
export function subtree(directory: string): readonly string[] {
  const children = unlessGone(() => readdirSync(directory, { withFileTypes: true }), []);
  const below = children.filter((entry) => entry.isDirectory()).flatMap(({ name }) => subtree(`${directory}/${name}`));
  return [...below, directory];
}

/** Pids of the processes in one cgroup; 0 stands for one of another pid namespace. */
export function processesIn(directory: string): readonly number[] {
  // EOPNOTSUPP: a threaded cgroup lists its processes in the root of its subtree only.
  const read = (): string => {
    try {
      return readFileSync(`${directory}/cgroup.procs`, 'utf8');
    } catch (error) {
      if (hasErrno(error, 'EOPNOTSUPP')) return '';
      throw error;
    }
  };
  return unlessGone(read, '')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/**
 * The number behind a key of a file with lines `key value`, such as cgroup.events.
 * @returns undefined where the file has no such line, or is gone.
 */
export function keyedNumber(file: string, key: string): number | undefined {
  const lines = unlessGone(() => readFileSync(file, 'utf8'), '').split('\n');
  const value = lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  return value === undefined ? undefined : Number(value);
}
