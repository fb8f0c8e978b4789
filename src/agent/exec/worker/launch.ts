/** Starts a process in a container. */
import { closeSync, constants, fchownSync, fstatSync } from 'node:fs';
import {
  CAP_DAC_READ_SEARCH,
  getCapabilities,
  setAmbientCapabilities,
  setCapabilities,
} from '../../../linux/capability.ts';
import { becomeRoot, becomeUser } from '../../../linux/credentials.ts';
import { executableAt } from '../../../linux/open-at.ts';
import { setUndumpable } from '../../../linux/prctl.ts';
import { CLOSE_OTHERS, stdioActions } from '../../../linux/spawn.ts';
import { type SpawnAction, spawnProgram } from '../../../linux/spawn-actions.ts';
import { setUmask } from '../../../linux/thread.ts';
import { hasErrno, KataError } from '../../../wire/error.ts';
import { type ExecPhase, execError } from '../exec-error.ts';
import type { ResolvedUser } from '../resolve-user.ts';
import type { TerminalSize } from '../starter.ts';
import type { JobResult, LaunchJob, ThreadData } from './job.ts';
import { findInContainer, openDirectory } from './program.ts';
import { openContainerTerminal } from './terminal.ts';
import { lookUpUser } from './user-files.ts';

const HOME_PREFIX = 'HOME=';
const THIS_DIRECTORY = '.';

/** Makes the child wait: opening a pipe to read ends when somebody opens it to write; fifo(7). */
function gateActions(thread: ThreadData): readonly SpawnAction[] {
  const { gateDirectory, gateName: path } = thread;
  return [
    // Descriptors lead out of the container's root; only paths are held in it.
    { kind: 'fchdir', fd: gateDirectory },
    // The directory is not needed any more, so its number is free.
    { kind: 'open', fd: gateDirectory, path, flags: constants.O_RDONLY },
  ];
}

/** Opens the terminal in the child, which leads its session by then: so it becomes the controlling one; tty(4). */
function terminalActions(thread: ThreadData, peer: number): readonly SpawnAction[] {
  return [
    { kind: 'fchdir', fd: thread.procRoot },
    { kind: 'open', fd: 0, path: `self/fd/${peer}`, flags: constants.O_RDWR },
    { kind: 'dup2', fd: 0, to: 1 },
    { kind: 'dup2', fd: 0, to: 2 },
  ];
}

/**
 * Gives pipes to a user, who could not open /dev/stdout otherwise. Nothing else: a device such as /dev/null is everybody's.
 */
function giveTo({ uid, gid }: ResolvedUser, fds: readonly number[]): void {
  for (const fd of fds) if (fstatSync(fd).isFIFO()) fchownSync(fd, uid, gid);
}

/** Does one step; its failure becomes the answer. */
function step(phase: ExecPhase, subject: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const { errno, message } = KataError.from(error);
    throw execError(phase, subject, errno ?? message);
  }
}

/** One launch, with the descriptors that it has open. */
class Launch {
  readonly #job: LaunchJob;
  readonly #thread: ThreadData;
  readonly #onSpawning: () => void;
  readonly #opened: number[] = [];

  constructor(job: LaunchJob, thread: ThreadData, onSpawning: () => void) {
    this.#job = job;
    this.#thread = thread;
    this.#onSpawning = onSpawning;
  }

  run(): JobResult {
    const { io, env } = this.#job;
    try {
      const user = lookUpUser(this.#job.user, !env.some((entry) => entry.startsWith(HOME_PREFIX)));
      if (io.kind === 'terminal') return this.#onTerminal(user, io.size);
      step('setup', 'its streams', () => giveTo(user, io.fds));
      const copies: number[] = [];
      const actions = stdioActions(io.fds, copies);
      this.#opened.push(...copies);
      return { kind: 'spawned', pid: this.#asUser(user, actions), master: undefined };
    } finally {
      for (const fd of this.#opened) closeSync(fd);
    }
  }

  #onTerminal(user: ResolvedUser, size: TerminalSize): JobResult {
    const { master, peer } = openContainerTerminal(this.#thread.procRoot, size, user.uid);
    this.#opened.push(peer);
    try {
      return { kind: 'spawned', pid: this.#asUser(user, terminalActions(this.#thread, peer)), master };
    } catch (error) {
      closeSync(master);
      throw error;
    }
  }

  #asUser(user: ResolvedUser, stdio: readonly SpawnAction[]): number {
    const { inheritable, ambient, umask } = this.#job;
    const { permitted } = getCapabilities();
    const cwd = this.#openCwd();
    setUmask(umask);
    step('capability', 'its capabilities cannot be set', () => {
      setCapabilities({ effective: permitted, permitted, inheritable });
      setAmbientCapabilities(ambient);
    });
    try {
      step('user', `${user.uid}:${user.gid} [${user.groups.join(' ')}]`, () => becomeUser(user));
      // Another user resets this; the child shares our memory until it executes its program.
      setUndumpable();
      return this.#spawn(user, stdio, cwd ?? this.#keep(openDirectory(this.#job.cwd)), permitted);
    } finally {
      becomeRoot();
      setUndumpable();
    }
  }

  #keep(fd: number): number {
    this.#opened.push(fd);
    return fd;
  }

  /**
   * The working directory, opened as root first: an image's directory may be closed to the user of this process, which
   * runtimes let pass. Undefined where only the user himself may get there, as on some shares.
   */
  #openCwd(): number | undefined {
    try {
      return this.#keep(openDirectory(this.#job.cwd));
    } catch (error) {
      if (hasErrno(error, 'EACCES')) return undefined;
      throw error;
    }
  }

  #spawn(user: ResolvedUser, stdio: readonly SpawnAction[], cwd: number, permitted: bigint): number {
    const { args, env, inheritable, number } = this.#job;
    const [program = ''] = args;
    const path = findInContainer(program, env, cwd);
    if (executableAt(cwd, THIS_DIRECTORY) !== undefined) {
      // For the child's way into a directory that is closed to its user; the exec takes it away again.
      setCapabilities({ effective: CAP_DAC_READ_SEARCH, permitted, inheritable });
    }
    const actions = [...stdio, ...gateActions(this.#thread), { kind: 'fchdir', fd: cwd } as const, CLOSE_OTHERS];
    const withHome = env.some((entry) => entry.startsWith(HOME_PREFIX)) ? env : [...env, `${HOME_PREFIX}${user.home}`];
    const onSpawn = (): void => {
      if (Atomics.load(new Int32Array(this.#thread.givenUp), 0) >= number) throw execError('setup', 'given up', '');
      this.#onSpawning();
    };
    try {
      return spawnProgram({ path, argv: args, env: withHome, setsid: true, actions, onSpawn });
    } catch (error) {
      const { code, errno, message } = KataError.from(error);
      if (code !== 'ERR_SYSCALL') throw error;
      throw execError('exec', program, errno ?? message);
    }
  }
}

/**
 * Starts a process in the container in which the thread is.
 * @param onSpawning called when nothing is left but to make the child, which waits at the gate until it is opened.
 * @returns when the child executes its program.
 * @throws KataError ERR_EXEC; nothing of it is left then.
 */
export function launch(job: LaunchJob, thread: ThreadData, onSpawning: () => void): JobResult {
  return new Launch(job, thread, onSpawning).run();
}
