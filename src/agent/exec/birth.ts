/** The agent's part in the start of a process: what its child is given between its birth and its first instruction. */
import { closeSync, constants, openSync, readFileSync, write, writeFileSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { setRlimitOf } from '../../linux/rlimit.ts';
import { yieldProcessor } from '../../linux/scheduler.ts';
import type { ExitStatus } from '../../linux/wait.ts';
import { hasErrno, KataError } from '../../wire/error.ts';
import { ProcessorWatch } from '../process/processor-watch.ts';
import type { Reaper } from '../process/reaper.ts';
import { sendSignal } from '../process/send-signal.ts';
import { type ExecPhase, execError } from './exec-error.ts';
import type { ExecPlan, ExecTarget } from './starter.ts';
import type { LauncherThread } from './thread.ts';

const writeAsync = promisify(write);

/**
 * How long it is looked without a pause: the child comes well within this, and a timer's millisecond would be most of its
 * start. Each look gives the processor away first, since there may be only one (ms).
 */
const QUICK_MS = 2;
/** Between two looks after that. An agent that asks all the time keeps a processor from the child that it waits for (ms). */
const PAUSE_MS = 1;
/** After which it is asked why a child does not come (ms). */
const PATIENT_MS = 15;
/** Looks without a pause at a child that was stopped: it may be stopped again before it has done a single step. */
const EAGER_LOOKS = 200;
/** Between two looks while nothing is left but the program's execution; the thread tells when that is done (ms). */
const WATCH_MS = 20;

/** Index of the state among what follows the name in /proc/<pid>/stat; proc_pid_stat(5), field 3. */
const STAT_STATE = 0;

/** The child. */
interface Child {
  readonly pid: number;
  readonly ended: Promise<ExitStatus>;
}

/** Lets others run until it is time for the next look. @param since performance.now() of the first one. */
async function untilNextLook(since: number): Promise<void> {
  if (performance.now() - since > QUICK_MS) {
    await sleep(PAUSE_MS);
    return;
  }
  yieldProcessor();
  await nextTurn();
}

/** Whether a process is stopped, as by SIGSTOP. */
function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name before that may hold any character.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[STAT_STATE] === 'T';
  } catch {
    return false;
  }
}

/** Lets pass that the child has gone: the thread tells what became of it. */
function refuse(phase: ExecPhase, subject: string, error: unknown): void {
  const { errno, message } = KataError.from(error);
  if (errno !== 'ESRCH') throw execError(phase, `${subject}: ${message}`, errno ?? '');
}

function step(phase: ExecPhase, subject: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    refuse(phase, subject, error);
  }
}

/** In a thread of the pool: the kernel waits for a grace period of its own (milliseconds) when a process moves. */
async function moveTo(file: string, pid: number): Promise<void> {
  const fd = openSync(file, constants.O_WRONLY);
  try {
    await writeAsync(fd, `${pid}`);
  } finally {
    closeSync(fd);
  }
}

/** What a birth is made of. */
export interface BirthParts {
  readonly thread: LauncherThread;
  /** Children of the thread that were there before. */
  readonly siblings: Set<number>;
  readonly reaper: Reaper;
  readonly target: ExecTarget;
  readonly plan: ExecPlan;
  /**
   * performance.now() before the thread was asked. The child can have come, been killed and been collected before its
   * thread's word of it is heard here.
   */
  readonly askedAt: number;
}

/** One child, from the moment at which the thread makes it until it executes its program. */
export class Birth {
  readonly #thread: LauncherThread;
  readonly #reaper: Reaper;
  readonly #plan: ExecPlan;
  readonly #target: ExecTarget;
  readonly #siblings: Set<number>;
  readonly #askedAt: number;
  readonly #since = performance.now();
  readonly #collectedElsewhere = new AbortController();
  readonly #marks: Record<string, number> = {};
  #child: Child | undefined;
  /** Of the child, since there has been nothing for us to do but to let it through, or nothing at all. */
  #watched: ProcessorWatch | undefined;
  #gone = false;
  #released = false;
  #over = false;

  constructor({ thread, siblings, reaper, target, plan, askedAt }: BirthParts) {
    this.#thread = thread;
    this.#siblings = siblings;
    this.#reaper = reaper;
    this.#plan = plan;
    this.#target = target;
    this.#askedAt = askedAt;
  }

  /** Whether the child was let through the gate, so that what happened after that is the program's affair. */
  get released(): boolean {
    return this.#released;
  }

  /** Whether it is a busy machine that keeps it so long, and not its container: it waits for a processor, or for us. */
  get isStarved(): boolean {
    return this.#watched?.isStarved ?? true;
  }

  /**
   * Finds the child, gives it its cgroup, limits and score, and lets it pass the gate. Ends early when the thread has told
   * that there is no child any more.
   * @throws KataError ERR_EXEC for what cannot be given to it; it waits still then.
   */
  async attend(): Promise<void> {
    const pid = await this.#found();
    if (pid === undefined) return;
    this.#claim(pid);
    this.#mark('found-ms');
    await this.#prepare(pid);
    this.#mark('prepared-ms');
    this.#watched = new ProcessorWatch(`/proc/${pid}`);
    await this.#letThrough(pid);
    this.#mark('released-ms');
    this.#watched = new ProcessorWatch(`/proc/${pid}`);
    void this.#watch(pid);
  }

  /** Times since the birth began, by what was done then (ms). */
  get marks(): Readonly<Record<string, number>> {
    return this.#marks;
  }

  /** The thread has told how it went: attend() ends. @param pid where it told one: the child that executes its program. */
  finish(pid: number | undefined): Promise<ExitStatus> | undefined {
    this.#over = true;
    this.#mark('executed-ms');
    if (pid === undefined) {
      // libc collects a child that could not execute its program; its number may soon be another child's.
      this.#collectedElsewhere.abort();
      this.#gone = true;
      if (this.#child !== undefined) this.#siblings.delete(this.#child.pid);
      return undefined;
    }
    // One that was killed at once may never have been found.
    return this.#child?.ended ?? this.#claim(pid).ended;
  }

  /** Kills the child where there is one; also one that was not found yet. */
  kill(): void {
    const pid = this.#child?.pid ?? this.#newest();
    // The number of one that was collected may be another's.
    if (pid !== undefined && !this.#gone) sendSignal(pid, 'SIGKILL');
  }

  #claim(pid: number): Child {
    const ended = this.#reaper.waitFor(pid, this.#askedAt, this.#collectedElsewhere.signal);
    const child = { pid, ended };
    this.#child = child;
    this.#siblings.add(pid);
    void ended.then(() => {
      this.#gone = true;
      this.#siblings.delete(pid);
    });
    return child;
  }

  #newest(): number | undefined {
    const children = readFileSync(`/proc/self/task/${this.#thread.thread}/children`, 'latin1').trim();
    return children
      .split(' ')
      .map(Number)
      .findLast((pid) => pid > 0 && !this.#siblings.has(pid));
  }

  async #found(): Promise<number | undefined> {
    const since = performance.now();
    while (!this.#over) {
      const pid = this.#newest();
      if (pid !== undefined) return pid;
      await untilNextLook(since);
    }
    return undefined;
  }

  async #letThrough(pid: number): Promise<void> {
    const since = performance.now();
    while (!this.#over && !this.#released) {
      this.#released = this.#thread.gate.open();
      if (this.#released) return;
      if (performance.now() - since < PATIENT_MS) await untilNextLook(since);
      else await this.#urge(pid);
    }
  }

  /** A container can stop the child. It goes on at once, and comes to the gate again, if only for a moment. */
  async #urge(pid: number): Promise<void> {
    await sleep(PAUSE_MS);
    for (let look = 0; look < EAGER_LOOKS && this.#wake(pid); look += 1) {
      await nextTurn();
      this.#released ||= this.#thread.gate.open();
    }
  }

  #mark(what: string): void {
    this.#marks[what] = performance.now() - this.#since;
  }

  async #prepare(pid: number): Promise<void> {
    const { rlimits, oomScoreAdj } = this.#plan;
    const moves = this.#target.cgroups.map((file) => moveTo(file, pid));
    await Promise.all(moves.map((move) => move.catch((error: unknown) => refuse('cgroup', 'its cgroup', error))));
    if (this.#gone) return;
    for (const { type, soft, hard } of rlimits) {
      step('setup', `its limit ${type}`, () => setRlimitOf(pid, type, { soft, hard }));
    }
    step('setup', 'its oom score', () => {
      try {
        writeFileSync(`/proc/${pid}/oom_score_adj`, `${oomScoreAdj}`, { flag: 'r+' });
      } catch (error) {
        if (!hasErrno(error, 'ENOENT')) throw error;
      }
    });
  }

  async #watch(pid: number): Promise<void> {
    while (!this.#over) {
      await sleep(WATCH_MS, undefined, { ref: false });
      await this.#urge(pid);
    }
  }

  /** Lets a stopped child go on. @returns whether it was stopped. */
  #wake(pid: number): boolean {
    if (this.#over || this.#gone || !isStopped(pid)) return false;
    sendSignal(pid, 'SIGCONT');
    return true;
  }
}
