/** The one owner of every child's exit status. */
import type { SpawnOptions } from '../../linux/spawn.ts';
import { posixSpawn } from '../../linux/spawn.ts';
import { type ExitStatus, waitAny } from '../../linux/wait.ts';
import type { Logger } from '../log/logger.ts';

/**
 * Statuses kept of processes that nobody waits for yet. As PID 1 we collect every orphan of every container; only a
 * container's first process, born in crun, can be asked for after it has ended, and that happens within one request.
 */
const MAX_UNCLAIMED = 512;

/**
 * Guard against a SIGCHLD that never shows: libuv hands signals on through a pipe, and drops them while it is full
 * (ms).
 */
const SWEEP_INTERVAL_MS = 10_000;

/**
 * Children that are collected in one go. Where orphans end as fast as they are collected, somebody else must have a turn
 * now and then; and yet they must not become more and more, for zombies count as processes.
 */
const BATCH = 64;

/** A child that {@link Reaper.spawn} started. */
export interface Child {
  readonly pid: number;
  /** Settles when the child has ended and was collected; never rejects. */
  readonly ended: Promise<ExitStatus>;
}

interface Unclaimed {
  readonly status: ExitStatus;
  /** performance.now() when it was collected. */
  readonly at: number;
}

type Waiter = (status: ExitStatus) => void;

function textOf(status: ExitStatus): string {
  return status.kind === 'exited' ? `exit code ${status.code}` : `signal ${status.signal}`;
}

/**
 * Collects children on SIGCHLD and hands each status to whoever waits for that pid. Nothing else in the process may
 * call waitpid, and libuv must have no children.
 */
export class Reaper {
  readonly #logger: Logger;
  readonly #waiters = new Map<number, Waiter[]>();
  readonly #unclaimed = new Map<number, Unclaimed>();
  #sweep: NodeJS.Timeout | undefined;
  #rest: NodeJS.Immediate | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Starts to collect, first what ended before. */
  start(): void {
    if (this.#sweep !== undefined) return;
    process.on('SIGCHLD', this.#collect);
    this.#sweep = setInterval(this.#collect, SWEEP_INTERVAL_MS).unref();
    this.#collect();
  }

  /** Stops collecting. Whoever waits still is not answered. */
  stop(): void {
    process.off('SIGCHLD', this.#collect);
    clearInterval(this.#sweep);
    clearImmediate(this.#rest);
    this.#sweep = undefined;
    this.#rest = undefined;
  }

  /**
   * Starts a program and waits for its end.
   * @throws KataError as posixSpawn.
   */
  spawn(options: SpawnOptions): Child {
    const pid = posixSpawn(options);
    // Collected only on this thread, so the new child cannot be in there: what is, was an earlier process of that pid.
    this.#unclaimed.delete(pid);
    return { pid, ended: this.waitFor(pid) };
  }

  /**
   * Waits for the end of a child, or of a process that becomes our child when its parent ends. A status goes to those
   * who wait when it is collected, or else to the first who asks after that; it is not kept any longer.
   * @param bornAfter performance.now() before the process can have existed: an earlier status under the same pid is
   *   another process's.
   * @param signal aborted where somebody else has collected it: the promise then stays as it is, and is forgotten.
   */
  waitFor(pid: number, bornAfter = Number.NEGATIVE_INFINITY, signal?: AbortSignal): Promise<ExitStatus> {
    const kept = this.#unclaimed.get(pid);
    this.#unclaimed.delete(pid);
    if (kept !== undefined && kept.at >= bornAfter) return Promise.resolve(kept.status);
    const { promise, resolve } = Promise.withResolvers<ExitStatus>();
    const waiters = this.#waiters.get(pid);
    if (waiters === undefined) this.#waiters.set(pid, [resolve]);
    else waiters.push(resolve);
    signal?.addEventListener('abort', () => this.#forget(pid, resolve), { once: true });
    return promise;
  }

  #forget(pid: number, waiter: Waiter): void {
    const left = (this.#waiters.get(pid) ?? []).filter((other) => other !== waiter);
    if (left.length === 0) this.#waiters.delete(pid);
    else this.#waiters.set(pid, left);
  }

  readonly #collect = (): void => {
    if (this.#rest === undefined) this.#collectSome();
  };

  /** Several children's SIGCHLD may arrive as one, so it goes on until there is none. */
  #collectSome(): void {
    this.#rest = undefined;
    const strangers: string[] = [];
    for (let collected = 0; collected < BATCH; collected += 1) {
      const ended = waitAny();
      if (ended === undefined) {
        this.#tell(strangers);
        return;
      }
      if (!this.#settle(ended.pid, ended.status)) strangers.push(`${ended.pid}: ${textOf(ended.status)}`);
    }
    this.#tell(strangers);
    this.#rest = setImmediate(() => this.#collectSome());
  }

  /** In one line: a console takes milliseconds for each. */
  #tell(strangers: readonly string[]): void {
    if (strangers.length === 0) return;
    this.#logger.debug({ children: strangers.join(', ') }, 'processes that nobody waits for have ended');
  }

  /** @returns whether anybody waited for it. */
  #settle(pid: number, status: ExitStatus): boolean {
    const waiters = this.#waiters.get(pid);
    if (waiters !== undefined) {
      this.#waiters.delete(pid);
      for (const waiter of waiters) waiter(status);
      return true;
    }
    this.#unclaimed.delete(pid);
    this.#unclaimed.set(pid, { status, at: performance.now() });
    const oldest = this.#unclaimed.keys().next();
    if (this.#unclaimed.size > MAX_UNCLAIMED && oldest.done !== true) this.#unclaimed.delete(oldest.value);
    return false;
  }
}
