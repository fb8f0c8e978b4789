/** The cgroup of a container: freezing and killing what is in it, and removing it. */
import { existsSync, rmdirSync, writeFileSync } from 'node:fs';
import { GrpcStatus, hasErrno, KataError } from '../../wire/error.ts';
import { fstypeAt, type MountEntry, readMountTable } from '../boot/mount-table.ts';
import { eventually } from '../process/delay.ts';
import { sendSignal } from '../process/send-signal.ts';
import { type Freezer, findFreezer, freeze, isFrozen, requestState, requestThawBelow, thaw } from './cgroup-freezer.ts';
import { keyedNumber, processesIn, subtree, unlessGone } from './cgroup-tree.ts';
import { SIGKILL } from './sigterm.ts';

const CGROUP_ROOT = '/sys/fs/cgroup';

/** Dead processes leave their cgroup a moment after the signal; one that hangs in the kernel never does (ms). */
const EMPTY_DEADLINE_MS = 10_000;
/** For a directory that is busy still although its last process has gone (ms). */
const REMOVE_DEADLINE_MS = 2_000;

/** Looks at a cgroup that is killed process by process: enough for any that the freezer holds, and an end to each call. */
const KILL_PASSES = 100;

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

/** The cgroup of one container, in every hierarchy that is mounted. */
export class Cgroup {
  readonly #directories: readonly string[];
  #freezerOnce: Freezer | undefined;

  /** @param path below the root of the hierarchy, with a leading slash. */
  constructor(mounts: CgroupMounts, path: string) {
    this.#directories = mounts.roots.map((root) => `${root}${path}`);
  }

  /** Where it lies: one directory for version 2, one for each hierarchy for version 1. Any may be gone. */
  get directories(): readonly string[] {
    return this.#directories;
  }

  /** Pids of all processes in it and below; 0 stands for one of another pid namespace. */
  processes(): ReadonlySet<number> {
    return new Set(this.#directories.flatMap(subtree).flatMap(processesIn));
  }

  /** The one of its directories that has `file`; undefined where none has, as after its removal. */
  directoryWith(file: string): string | undefined {
    return this.#directories.find((directory) => existsSync(`${directory}/${file}`));
  }

  /** Whether its processes stand still, or are on their way there; asked of the kernel. */
  get frozen(): boolean {
    // One that is gone is not frozen, so what was found once serves for every exec.
    this.#freezerOnce ??= findFreezer(this.#directories);
    return this.#freezerOnce !== undefined && isFrozen(this.#freezerOnce);
  }

  /**
   * Stops all processes in it and below it, wherever they are. Does nothing where that is done.
   * @throws KataError (INTERNAL on the wire) where one does not come to a halt in time, and all run on; or where the
   *   kernel has no freezer, or the cgroup is gone.
   */
  async freeze(): Promise<void> {
    await freeze(this.#freezer());
  }

  /**
   * Lets them run on. Does nothing where they run.
   * @throws KataError (INTERNAL on the wire) as {@link freeze}.
   */
  async thaw(): Promise<void> {
    await thaw(this.#freezer());
  }

  /**
   * Kills all processes in it and below it, frozen ones too, and returns at once. Where the kernel cannot do that in one
   * go (before 5.14, version 1) one that is born meanwhile can escape: see {@link killAllAndWait}.
   * @throws KataError ERR_SYSCALL.
   */
  kill(): void {
    let all = true;
    for (const directory of this.#directories) {
      const file = `${directory}/cgroup.kill`;
      if (existsSync(file)) unlessGone(() => writeFileSync(file, '1'), undefined);
      else all = false;
    }
    if (!all) this.#killOneByOne();
  }

  /**
   * Kills until nothing is left.
   * @returns false where something is left after EMPTY_DEADLINE_MS.
   */
  async killAllAndWait(): Promise<boolean> {
    const isEmpty = (): boolean => this.#directories.every(isEmptyTree);
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

  /** Frozen meanwhile where that is possible, so that nothing is born between two looks. */
  #killOneByOne(): void {
    const freezer = findFreezer(this.#directories);
    if (freezer !== undefined) requestState(freezer, 'frozen');
    // 0 would be the agent's own process group.
    const killed = new Set([0]);
    for (let pass = 0; pass < KILL_PASSES; pass += 1) {
      const found = [...this.processes()].filter((pid) => !killed.has(pid));
      if (found.length === 0) break;
      for (const pid of found) {
        sendSignal(pid, SIGKILL);
        killed.add(pid);
      }
    }
    // In version 1 a frozen process takes no signal.
    if (freezer !== undefined) requestThawBelow(freezer);
  }

  #freezer(): Freezer {
    const freezer = findFreezer(this.#directories);
    if (freezer !== undefined) return freezer;
    const status = GrpcStatus.INTERNAL;
    throw new KataError('ERR_FAILED_PRECONDITION', 'there is no cgroup that can be frozen', { status });
  }
}

/** Whether nothing runs in a cgroup and below it. */
function isEmptyTree(directory: string): boolean {
  // One look for version 2, however many cgroups a container has made.
  const populated = keyedNumber(`${directory}/cgroup.events`, 'populated');
  return populated === undefined ? subtree(directory).flatMap(processesIn).length === 0 : populated === 0;
}
