/** The directory that holds all files of one running sandbox, and the lock on its name. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno, KataError } from '../../wire/error.ts';
import { checkName } from '../name.ts';
import { isAlive, type Owner, parseOwner, self } from './owner.ts';

const OWNER_FILE = 'owner.json';
/** Directories whose name starts so are being made; no sandbox can be called so. */
const UNBORN = '.new-';

/** Paths of one sandbox below the run root. */
export class StateDirectory {
  readonly id: string;
  readonly path: string;

  constructor(root: string, id: string) {
    this.id = id;
    this.path = join(root, id);
  }

  /** Path of a file in the directory. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Records the leader of a process group, so that the guardian can kill the group. */
  recordPid(name: 'qemu' | 'virtiofsd' | 'guardian', pid: number): void {
    writeFileSync(this.file(`${name}.pid`), `${pid}\n`);
  }

  /** The pid that was recorded, or undefined. */
  pid(name: 'qemu' | 'virtiofsd' | 'guardian'): number | undefined {
    try {
      const pid = Number(readFileSync(this.file(`${name}.pid`), 'utf8'));
      return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** The process that made the directory, or undefined where the record cannot be read. */
  owner(): Owner | undefined {
    try {
      return parseOwner(readFileSync(this.file(OWNER_FILE), 'utf8'));
    } catch {
      return undefined;
    }
  }
}

/**
 * Takes the name `id` and makes its directory, for root only. The directory appears under its name with the owner's
 * record already inside, by a rename, so that nobody ever sees one without an owner.
 * @throws KataError ERR_INVALID_ARGUMENT for a bad name, ERR_ALREADY_EXISTS where another sandbox has it.
 */
export function createStateDirectory(root: string, id: string): StateDirectory {
  const state = new StateDirectory(root, checkName('sandbox', id));
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const unborn = mkdtempSync(join(root, UNBORN));
  try {
    writeFileSync(join(unborn, OWNER_FILE), JSON.stringify(self()));
    // rename(2) onto a directory fails unless that one is empty, and ours never is.
    renameSync(unborn, state.path);
  } catch (error) {
    rmSync(unborn, { recursive: true, force: true });
    if (hasErrno(error, 'ENOTEMPTY', 'EEXIST')) {
      const pid = state.owner()?.pid ?? 'unknown';
      throw new KataError('ERR_ALREADY_EXISTS', `a sandbox ${id} is running (process ${pid})`, { cause: error });
    }
    throw error;
  }
  return state;
}

/** The sandboxes below `root` whose owner has gone without cleaning up. */
export function staleStateDirectories(root: string): StateDirectory[] {
  return stateDirectories(root).filter((state) => !hasLiveOwner(state));
}

/** The sandboxes below `root` that somebody holds. */
export function liveStateDirectories(root: string): StateDirectory[] {
  return stateDirectories(root).filter(hasLiveOwner);
}

function hasLiveOwner(state: StateDirectory): boolean {
  const owner = state.owner();
  return owner !== undefined && isAlive(owner);
}

function stateDirectories(root: string): StateDirectory[] {
  let names: string[];
  try {
    names = readdirSync(root);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
  return names.filter((name) => !name.startsWith('.')).map((name) => new StateDirectory(root, name));
}
