/** The cgroup of a container: killing what is in it, and removing it. */
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { hasErrno, KataError } from '../../wire/error.ts';
import { fstypeAt, type MountEntry, readMountTable } from '../boot/mount-table.ts';
import { eventually } from '../process/delay.ts';
import { SIGKILL } from './sigterm.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';

/** Dead processes leave their cgroup a moment after the signal; one that hangs in the kernel never does (ms). */
const EMPTY_DEADLINE_MS = 10_000;
/** For a directory that is busy still although its last process has gone (ms). */
const REMOVE_DEADLINE_MS = 2_000;

/** Where the hierarchy is mounted. */
export interface CgroupMounts {
  readonly version: 1 | 2;
  /** One for version 2; one for each controller, or set of them, for version 1. */
  readonly roots: readonly string[];
}

/** Finds the hierarchy in the table of mounts. */
export function cgroupMounts(table: readonly MountEntry[]): CgroupMounts {
  if (fstypeAt(table, CGROUP_ROOT) === 'cgroup2') return { version: 2, roots: [CGROUP_ROOT] };
  const roots = table.filter(({ fstype }) => fstype === 'cgroup' || fstype === 'cgroup2').map(({ target }) => target);
  return { version: 1, roots: [...new Set(roots)] };
}

/** The hierarchy as it is mounted now. */
export function readCgroupMounts(): CgroupMounts {
  return cgroupMounts(readMountTable());
}

/** Runs `look`; a file or directory that is gone means `otherwise`. */
function unlessGone<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return otherwise;
    throw KataError.from(error);
  }
}

/** The cgroup and all below it, the deepest first. */
function subtree(directory: string): readonly string[] {
  const children = unlessGone(() => readdirSync(directory, { withFileTypes: true }), []);
  const below = children.filter((entry) => entry.isDirectory()).flatMap(({ name }) => subtree(`${directory}/${name}`));
  return [...below, directory];
}

function processesIn(directory: string): readonly number[] {
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

/** The cgroup of one container, in every hierarchy that is mounted. */
export class Cgroup {
  readonly #directories: readonly string[];

  /** @param path below the root of the hierarchy, with a leading slash. */
  constructor(mounts: CgroupMounts, path: string) {
    this.#directories = mounts.roots.map((root) => `${root}${path}`);
  }

  /** Pids of all processes in it and below; 0 stands for one of another pid namespace. */
  processes(): ReadonlySet<number> {
    return new Set(this.#directories.flatMap(subtree).flatMap(processesIn));
  }

  /**
   * Kills all processes in it and below it, frozen ones too, and returns at once. Where the kernel cannot do that in one
   * go (before 5.14, version 1) one that is born meanwhile can escape: see {@link killAllAndWait}.
   * @throws KataError ERR_SYSCALL.
   */
  kill(): void {
    for (const directory of this.#directories) {
      if (existsSync(`${directory}/cgroup.kill`)) {
        unlessGone(() => writeFileSync(`${directory}/cgroup.kill`, '1'), undefined);
      } else {
        killOneByOne(directory);
      }
    }
  }

  /**
   * Kills until nothing is left.
   * @returns false where something is left after EMPTY_DEADLINE_MS.
   */
  async killAllAndWait(): Promise<boolean> {
    const isEmpty = (): boolean => this.processes().size === 0;
    const killAgain = (): boolean => {
      if (isEmpty()) return true;
      this.kill();
      return isEmpty();
    };
    return await eventually(killAgain, EMPTY_DEADLINE_MS);
  }

  /**
   * Removes it and all below it.
   * @throws KataError ERR_SYSCALL EBUSY where processes are left in it.
   */
  async remove(): Promise<void> {
    for (const directory of this.#directories) {
      let failure: unknown;
      const tryRemove = (): boolean => {
        try {
          for (const each of subtree(directory)) unlessGone(() => rmdirSync(each), undefined);
          return true;
        } catch (error) {
          failure = error;
          if (hasErrno(error, 'EBUSY', 'ENOTEMPTY')) return false;
          throw error;
        }
      };
      if (!(await eventually(tryRemove, REMOVE_DEADLINE_MS))) throw KataError.from(failure);
    }
  }
}

/** For kernels without cgroup.kill. Frozen meanwhile where that is possible, so that nothing is born between two looks. */
function killOneByOne(directory: string): void {
  const freezer = `${directory}/freezer.state`;
  const canFreeze = existsSync(freezer);
  if (canFreeze) unlessGone(() => writeFileSync(freezer, 'FROZEN'), undefined);
  for (const pid of subtree(directory).flatMap(processesIn)) {
    try {
      // 0 would be the agent's own process group.
      if (pid > 0) process.kill(pid, SIGKILL);
    } catch (error) {
      if (!hasErrno(error, 'ESRCH')) throw KataError.from(error);
    }
  }
  // In version 1 a frozen process takes no signal.
  if (canFreeze) unlessGone(() => writeFileSync(freezer, 'THAWED'), undefined);
}
