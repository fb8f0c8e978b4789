/** Starts processes in containers by the OCI runtime: slower than a thread of ours, and able to do everything. */
import { closeSync, fchownSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { goFirst } from '../../linux/scheduler.ts';
import { type ExitStatus, exitCode } from '../../linux/wait.ts';
import { hasErrno, KataError } from '../../wire/error.ts';
import { ConsoleSocket } from '../container/console-socket.ts';
import { crunSpawn } from '../container/crun.ts';
import { toJson } from '../container/oci-spec/json.ts';
import { SIGKILL } from '../container/sigterm.ts';
import { killGroup } from '../process/command.ts';
import { eventually } from '../process/delay.ts';
import type { Child, Reaper } from '../process/reaper.ts';
import { sendSignal } from '../process/send-signal.ts';
import { fulfilledWithin } from '../process/within.ts';
import { crunExecError } from './crun-exec-error.ts';
import { stateForUser } from './crun-state.ts';
import type { ExecPlan, ExecRequest, ExecStarter, ExecTarget, ExecUser, StartedExec } from './starter.ts';

/** The program may lie on a share that does not answer. Callers give 60 s for the whole request (ms). */
const START_DEADLINE_MS = 30_000;
/** From crun's end to the execution of the program there is nothing but a few system calls and its load (ms). */
const EXECUTE_DEADLINE_MS = 10_000;

/** Arguments and environment may hold secrets. */
const PRIVATE_MODE = 0o600;
const KEEP_GROUP = -1;

/** Set in a process from its birth to its first exec (include/linux/sched.h). */
const PF_FORKNOEXEC = 0x40;
/** Index of the flags among what follows the name in /proc/<pid>/stat; proc_pid_stat(5), field 9. */
const STAT_FLAGS = 6;

const HOME_PREFIX = 'HOME=';

/** A user in numbers. */
interface NumericUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** A user, as the container's files have it. */
interface KnownUser extends NumericUser {
  readonly home: string;
}

/** Knows the users of containers. */
export interface ContainerUsers {
  /** @throws KataError ERR_EXEC of phase `user` for a name that the container does not have. */
  resolve(target: ExecTarget, user: ExecUser): Promise<KnownUser>;
}

/** Files of one start, in the container's bundle. */
interface StartFiles {
  readonly process: string;
  readonly pid: string;
  readonly log: string;
  /** State directory of crun for a start with a terminal. */
  readonly state: string;
}

function processJson(plan: ExecPlan, { uid, gid, groups }: NumericUser, env: readonly string[]): string {
  const { terminal, args, cwd, noNewPrivileges, oomScoreAdj, umask } = plan;
  const { bounding, effective, inheritable, permitted, ambient } = plan.capabilities;
  return toJson({
    terminal: terminal !== undefined,
    consoleSize: terminal && { height: terminal.rows, width: terminal.columns },
    user: { uid, gid, additionalGids: groups, umask },
    args,
    env,
    cwd,
    capabilities: { bounding, effective, inheritable, permitted, ambient },
    rlimits: plan.rlimits.map(({ type, soft, hard }) => ({ type, soft, hard })),
    noNewPrivileges,
    oomScoreAdj,
  });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ESRCH')) return '';
    throw KataError.from(error);
  }
}

/** Writes where the process, or the file, may have gone. */
function writeIfThere(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'r+' });
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ESRCH')) throw KataError.from(error);
  }
}

/** Whether a process has executed a program since its birth; false for one that has gone. */
function hasExecuted(pid: number): boolean {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The name before that may hold any character.
  const flags = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[STAT_FLAGS];
  return flags !== undefined && (Number(flags) & PF_FORKNOEXEC) === 0;
}

/**
 * crun sets the size of a terminal while its child is on its way to the program, which may see no size. So crun goes first
 * whenever there is a choice, and its child comes after it.
 */
function setSizeFirst(pid: number): void {
  try {
    goFirst(pid);
  } catch (error) {
    // Not allowed everywhere; then the program mostly sees its size at once, and else hears of it (SIGWINCH).
    if (!hasErrno(error, 'EPERM', 'ESRCH')) throw error;
  }
}

/** Starts processes by `crun exec`. */
export class CrunExec implements ExecStarter {
  readonly #reaper: Reaper;
  readonly #users: ContainerUsers;
  #starts = 0;

  constructor(reaper: Reaper, users: ContainerUsers) {
    this.#reaper = reaper;
    this.#users = users;
  }

  async start(request: ExecRequest): Promise<StartedExec> {
    const { target, plan, stdio } = request;
    const { user, env } = await this.#completed(target, plan);
    if (user.uid !== 0) for (const fd of stdio ?? []) fchownSync(fd, user.uid, KEEP_GROUP);
    this.#starts += 1;
    const base = `${target.bundle}/exec-${this.#starts}`;
    const files = { process: `${base}.json`, pid: `${base}.pid`, log: `${base}.log`, state: `${base}.state` };
    const terminal = plan.terminal === undefined ? undefined : await ConsoleSocket.listen();
    try {
      if (terminal !== undefined) stateForUser(target, user.uid, files.state);
      writeFileSync(files.process, processJson(plan, user, env), { mode: PRIVATE_MODE });
      return await this.#run(request, files, terminal);
    } finally {
      terminal?.close();
      for (const file of Object.values(files)) rmSync(file, { force: true, recursive: true });
    }
  }

  /**
   * The user in numbers, and the environment with a HOME. crun would look for one that is missing, in a file which the
   * container may have made a pipe, and wait there.
   */
  async #completed(
    target: ExecTarget,
    { user, env }: ExecPlan,
  ): Promise<{ user: NumericUser; env: readonly string[] }> {
    const hasHome = env.some((entry) => entry.startsWith(HOME_PREFIX));
    if (hasHome && user.kind === 'numbers') return { user, env };
    try {
      const known = await this.#users.resolve(target, user);
      return { user: known, env: hasHome ? env : [...env, `${HOME_PREFIX}${known.home}`] };
    } catch (error) {
      // Nobody is free to look: crun then looks for the HOME after all, and is given up where that takes too long.
      if (user.kind === 'numbers' && KataError.from(error).code === 'ERR_RESOURCE_EXHAUSTED') return { user, env };
      throw error;
    }
  }

  async #run(request: ExecRequest, files: StartFiles, terminal: ConsoleSocket | undefined): Promise<StartedExec> {
    const { target, plan } = request;
    const before = performance.now();
    const crun = this.#spawn(request, files, terminal);
    // crun leaves the score of a process alone, which so is crun's own; it has to read its files before its fork.
    writeIfThere(`/proc/${crun.pid}/oom_score_adj`, `${plan.oomScoreAdj}`);
    if (terminal !== undefined) setSizeFirst(crun.pid);
    if (!(await fulfilledWithin(crun.ended, START_DEADLINE_MS))) {
      killGroup(crun.pid);
      const pid = Number(readIfThere(files.pid));
      if (pid > 0) sendSignal(pid, SIGKILL);
      throw new KataError('ERR_DEADLINE', `crun did not start the process within ${START_DEADLINE_MS} ms`);
    }
    if (exitCode(await crun.ended) !== 0) throw crunExecError(readIfThere(files.log), plan);
    const pid = Number(readFileSync(files.pid, 'utf8'));
    // It may have ended already: the reaper keeps the status, and hands out none from before its birth.
    const ended = this.#reaper.waitFor(pid, before);
    try {
      await this.#executed(pid, ended, files.log, plan);
      this.#putInPlace(pid, target, plan);
      return { pid, ended, master: await terminal?.take() };
    } catch (error) {
      sendSignal(pid, SIGKILL);
      throw error;
    }
  }

  #spawn({ target, stdio }: ExecRequest, files: StartFiles, terminal: ConsoleSocket | undefined): Child {
    const argv = [`--log=${files.log}`];
    if (terminal !== undefined) argv.push(`--root=${files.state}`);
    argv.push('exec', '--detach', '--process', files.process, '--pid-file', files.pid);
    if (terminal !== undefined) argv.push('--console-socket', terminal.path);
    argv.push('--', target.id);
    const nothing = openSync('/dev/null', 'r+');
    try {
      return crunSpawn(this.#reaper, argv, stdio ?? [nothing, nothing, nothing]);
    } finally {
      closeSync(nothing);
    }
  }

  /** With --detach crun ends before the program is executed; whether that works shows in its log only. */
  async #executed(pid: number, ended: Promise<ExitStatus>, log: string, plan: ExecPlan): Promise<void> {
    let over = false;
    void ended.then(() => {
      over = true;
    });
    const settled = await eventually(() => over || hasExecuted(pid), EXECUTE_DEADLINE_MS);
    if (!settled) {
      throw new KataError('ERR_DEADLINE', `the program was not executed within ${EXECUTE_DEADLINE_MS} ms`);
    }
    const reason = readIfThere(log);
    if (reason !== '') throw crunExecError(reason, plan);
  }

  /** crun puts it into the container's cgroup, while the first process may have gone on to one below. */
  #putInPlace(pid: number, target: ExecTarget, plan: ExecPlan): void {
    const membership = readIfThere(`/proc/${pid}/cgroup`);
    if (membership !== readIfThere(`/proc/${target.initPid}/cgroup`)) {
      for (const file of target.cgroups) writeIfThere(file, `${pid}`);
    }
    const score = `/proc/${pid}/oom_score_adj`;
    const has = readIfThere(score).trim();
    if (has !== '' && has !== `${plan.oomScoreAdj}`) writeIfThere(score, `${plan.oomScoreAdj}`);
  }
}
