/** Starts processes in containers by threads of the agent: no runtime process is in between. */
import { closeSync } from 'node:fs';
import { openProcess } from '../../linux/pidfd.ts';
import { KataError } from '../../wire/error.ts';
import type { Logger } from '../log/logger.ts';
import { ProcessorWatch } from '../process/processor-watch.ts';
import type { Reaper } from '../process/reaper.ts';
import { fulfilledWithin } from '../process/within.ts';
import { Birth } from './birth.ts';
import { type CapabilityBits, capabilityBits } from './capability-bits.ts';
import { execError } from './exec-error.ts';
import { type Slot, ThreadPool } from './pool.ts';
import type { ResolvedUser } from './resolve-user.ts';
import type { ExecPlan, ExecRequest, ExecStarter, ExecTarget, ExecUser, StartedExec } from './starter.ts';
import type { JobResult, LaunchIo, LaunchJob, ThreadKind } from './worker/job.ts';

/**
 * From the request's turn to the execution of its program. A container can hold that up: its share does not answer, or it
 * stops its new processes (ms).
 */
const WATCHDOG_MS = 5_000;
/**
 * The same where the machine is so busy that the new process, or its thread, gets no processor. Callers give 60 s for the
 * whole request (ms).
 */
const BUSY_WATCHDOG_MS = 55_000;
/** What a plan asks of the threads. */
type ThreadPlan = Pick<ExecPlan, 'capabilities' | 'noNewPrivileges'>;

/** For looking up users, which any thread can do. */
const PLAIN: ThreadKind = { bounding: 0n, noNewPrivileges: true };

function kindOf(plan: ThreadPlan, { bounding }: CapabilityBits): ThreadKind {
  return { bounding, noNewPrivileges: plan.noNewPrivileges };
}

function bitsOf({ capabilities }: ThreadPlan): CapabilityBits {
  const bits = capabilityBits(capabilities);
  if (bits === undefined) throw execError('capability', 'a thread cannot have these capabilities', '');
  return bits;
}

function ioOf({ plan, stdio }: ExecRequest): LaunchIo {
  if (plan.terminal !== undefined) return { kind: 'terminal', size: plan.terminal };
  if (stdio !== undefined) return { kind: 'descriptors', fds: stdio };
  throw new KataError('ERR_INTERNAL', 'a process without streams and without a terminal');
}

function openTarget(target: ExecTarget): number {
  try {
    return openProcess(target.initPid);
  } catch (error) {
    throw execError('setup', 'its container has ended', KataError.from(error).errno ?? '');
  }
}

/** An exec whose thread did not come back in time. */
function tooLate(plan: ExecPlan, ms: number): KataError {
  const text = `${plan.args[0] ?? ''} was not executed within ${ms} ms and was given up`;
  return new KataError('ERR_DEADLINE', text);
}

/** What a thread's work has come to. */
type InTime<T> = { readonly is: 'done'; readonly result: T } | { readonly is: 'late'; readonly ms: number };

type Failed = Extract<JobResult, { kind: 'failed' }>;

function errorOf({ code, message, errno }: Failed): KataError {
  return new KataError(code, message, errno === '' ? {} : { errno });
}

/** The error of a child that did not get to the gate, and so did not try to execute anything. */
function childError({ code, message, errno }: Failed): KataError {
  return code === 'ERR_EXEC' ? execError('setup', 'its child failed', errno) : new KataError(code, message);
}

function closeMaster(result: JobResult): void {
  if (result.kind === 'spawned' && result.master !== undefined) closeSync(result.master);
}

/** Starts processes by the threads of a pool. */
export class ExecLauncher implements ExecStarter {
  readonly #reaper: Reaper;
  readonly #logger: Logger;
  readonly #pool: ThreadPool;

  /** @param directory for what threads and children wait at, on a file system of the agent's own. */
  constructor(reaper: Reaper, logger: Logger, directory: string) {
    this.#reaper = reaper;
    this.#logger = logger;
    this.#pool = new ThreadPool(directory, logger);
  }

  /** Why a plan's process cannot be started here at once; undefined where it can. Starts the thread that is missing. */
  obstacle(plan: ThreadPlan): string | undefined {
    const bits = capabilityBits(plan.capabilities);
    if (bits === undefined) return 'a thread cannot have its capabilities';
    return this.#pool.obstacle(kindOf(plan, bits));
  }

  /**
   * Starts the thread that such plans need; containers mostly ask for what the first of them does.
   * @returns when it is ready, or cannot be had.
   */
  async prewarm(plan: ThreadPlan): Promise<void> {
    const bits = capabilityBits(plan.capabilities);
    if (bits !== undefined) await this.#pool.start(kindOf(plan, bits))?.catch(() => {});
  }

  /**
   * Turns a user into numbers, by the files of the container.
   * @throws KataError ERR_EXEC of phase `user` for a name that the container does not have; ERR_DEADLINE where the files
   *   cannot be read in time.
   */
  async resolve(target: ExecTarget, user: ExecUser): Promise<ResolvedUser> {
    const container = openTarget(target);
    const slot = await this.#acquire(this.#pool.anyKind() ?? PLAIN, target, container);
    const running = slot.thread.run({ kind: 'user', target: container, user }, () => {});
    const outcome = await this.#inTime(slot, container, running, () => undefined);
    if (outcome.is === 'late') {
      throw new KataError('ERR_DEADLINE', `the container's users were not read within ${outcome.ms} ms`);
    }
    const { result } = outcome;
    if (result.kind === 'failed') throw errorOf(result);
    if (result.kind !== 'user') throw new KataError('ERR_INTERNAL', 'a thread answered another question');
    return result.user;
  }

  async start(request: ExecRequest): Promise<StartedExec> {
    const { target, plan } = request;
    const bits = bitsOf(plan);
    const io = ioOf(request);
    const asked = performance.now();
    // At once: later its number could be another process's.
    const container = openTarget(target);
    const slot = await this.#acquire(kindOf(plan, bits), target, container);
    const { args, env, cwd, user, umask } = plan;
    const { inheritable, ambient } = bits;
    const number = slot.thread.nextLaunch();
    const fixed = { kind: 'launch', target: container, number, inheritable, ambient, io } as const;
    const queued = performance.now() - asked;
    return this.#launch(slot, request, { ...fixed, args, env, cwd, user, umask }, queued);
  }

  /** Ends all threads. */
  close(): void {
    this.#pool.close();
  }

  async #acquire(kind: ThreadKind, target: ExecTarget, container: number): Promise<Slot> {
    try {
      return await this.#pool.acquire(kind, target.id);
    } catch (error) {
      closeSync(container);
      throw error;
    }
  }

  async #launch(slot: Slot, { target, plan }: ExecRequest, job: LaunchJob, queued: number): Promise<StartedExec> {
    const turn = performance.now();
    let birth: Birth | undefined;
    let attended: Promise<KataError | undefined> = Promise.resolve(undefined);
    const answered = slot.thread.run(job, () => {
      const { thread, children: siblings } = slot;
      const child = new Birth({ thread, siblings, reaper: this.#reaper, target, plan, askedAt: turn });
      birth = child;
      attended = child.attend().then(
        () => undefined,
        (error: unknown) => {
          child.kill();
          return KataError.from(error);
        },
      );
    });
    const finished = answered.then((result) => {
      const ended = birth?.finish(result.kind === 'spawned' ? result.pid : undefined);
      const times = { 'queued-ms': queued, ...birth?.marks, 'total-ms': performance.now() - turn };
      this.#logger.debug({ 'container-id': target.id, by: 'launcher', ...times }, 'exec');
      return { result, ended };
    });
    const outcome = await this.#inTime(slot, job.target, finished, () => birth);
    if (outcome.is === 'late') {
      // It may come back in the end, with a child that was killed.
      finished.then(({ result }) => closeMaster(result)).catch(() => {});
      throw tooLate(plan, outcome.ms);
    }
    const { result, ended } = outcome.result;
    const failure = await attended;
    if (failure !== undefined) {
      closeMaster(result);
      throw failure;
    }
    if (result.kind === 'failed') throw birth?.released === false ? childError(result) : errorOf(result);
    if (result.kind !== 'spawned' || ended === undefined) {
      throw new KataError('ERR_INTERNAL', 'a thread answered another question');
    }
    return { pid: result.pid, ended, master: result.master };
  }

  /**
   * What a thread's work comes to, where that does not take too long: else the thread is left behind, and its child killed.
   * @param birth of its child, once that is about to be made.
   */
  async #inTime<T>(
    slot: Slot,
    container: number,
    work: Promise<T>,
    birth: () => Birth | undefined,
  ): Promise<InTime<T>> {
    const over = work.finally(() => {
      closeSync(container);
      this.#pool.release(slot);
    });
    const thread = new ProcessorWatch(`/proc/self/task/${slot.thread.thread}`);
    const isStarved = (): boolean => birth()?.isStarved ?? thread.isStarved;
    let ms = WATCHDOG_MS;
    while (!(await fulfilledWithin(over, WATCHDOG_MS))) {
      if (ms < BUSY_WATCHDOG_MS && isStarved()) {
        ms += WATCHDOG_MS;
        continue;
      }
      over.catch(() => {});
      // First the gate is closed, so that no child can pass it that is made after the kill.
      this.#pool.setAside(slot);
      birth()?.kill();
      return { is: 'late', ms };
    }
    return { is: 'done', result: await over };
  }
}
