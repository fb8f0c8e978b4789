/**
 * Whether the kernel kills in a container for want of memory. `oom_kill` counts what was killed; `oom` beside it counts
 * failed allocations too, of which a program may well live on. Version 2: memory.events, which has the counts of all
 * cgroups below it as well. Version 1: memory.oom_control of each. An eventfd tells of those; kernel,
 * Documentation/admin-guide/cgroup-v1/memory.rst.
 */
import { closeSync, openSync, watch, writeFileSync } from 'node:fs';
import { createEventfd, drainEventfd } from '../../linux/eventfd.ts';
import { watchReadable } from '../../linux/readiness.ts';
import { hasErrno } from '../../wire/error.ts';
import type { Logger } from '../log/logger.ts';
import type { Cgroup } from './cgroup.ts';
import { keyedNumber, subtree } from './cgroup-tree.ts';

const V2_FILE = 'memory.events';
const V1_FILE = 'memory.oom_control';

/** A container at its limit makes a hundred events a second, each of which only says that some count has risen (ms). */
const LOOK_INTERVAL_MS = 100;
/** Version 1 tells of the want before it kills, and a machine that is short of memory is slow (ms). */
const V1_LAG_MS = 2_000;

/** Where a cgroup's counts are. */
interface Source {
  /** How many processes were killed in it and below it so far. */
  readonly kills: () => number;
  /** How long after an event the count may still rise (ms). */
  readonly lagMs: number;
  /** Calls back when the count may have risen, or is about to. Ended by the returned function. */
  readonly subscribe: (onChange: () => void) => () => void;
}

function sourceV2(directory: string): Source {
  const file = `${directory}/${V2_FILE}`;
  return {
    kills: () => keyedNumber(file, 'oom_kill') ?? 0,
    lagMs: 0,
    // inotify, of which Node has one descriptor for all files.
    subscribe: (onChange) => {
      const watcher = watch(file, { persistent: false }, onChange);
      watcher.on('error', () => {});
      return () => watcher.close();
    },
  };
}

function sourceV1(directory: string): Source {
  const killsIn = (each: string): number => keyedNumber(`${each}/${V1_FILE}`, 'oom_kill') ?? 0;
  const kills = (): number => subtree(directory).reduce((sum, each) => sum + killsIn(each), 0);
  return {
    kills,
    lagMs: V1_LAG_MS,
    subscribe: (onChange) => {
      const eventfd = createEventfd();
      const events = watchReadable(eventfd, () => {
        drainEventfd(eventfd);
        onChange();
      });
      try {
        const control = openSync(`${directory}/${V1_FILE}`, 'r');
        try {
          writeFileSync(`${directory}/cgroup.event_control`, `${eventfd} ${control}`);
        } finally {
          closeSync(control);
        }
        return () => events.close();
      } catch (error) {
        events.close();
        throw error;
      }
    },
  };
}

function sourceOf(cgroup: Cgroup): Source | undefined {
  const second = cgroup.directoryWith(V2_FILE);
  if (second !== undefined) return sourceV2(second);
  const first = cgroup.directoryWith(V1_FILE);
  return first === undefined ? undefined : sourceV1(first);
}

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'watching'; readonly source: Source; readonly before: number; readonly unsubscribe: () => void }
  /** It has reported, or nobody wants to know any more. */
  | { readonly kind: 'over' };

/** Watches one container, and reports at most once. */
export class OomWatch {
  readonly #cgroup: Cgroup;
  readonly #logger: Logger;
  readonly #onOom: () => void;
  #state: State = { kind: 'idle' };
  #timer: NodeJS.Timeout | undefined;
  /** performance.now() up to which the last event may still have an effect. */
  #lookUntil = 0;

  /** @param onOom called once, when a process was killed after {@link start}. */
  constructor(cgroup: Cgroup, logger: Logger, onOom: () => void) {
    this.#cgroup = cgroup;
    this.#logger = logger;
    this.#onOom = onOom;
  }

  /**
   * Begins; to be called before the program is let go. A container that has gone, or whose memory the kernel does not
   * count, is not watched. Never throws: no container fails for want of a watch.
   */
  start(): void {
    if (this.#state.kind !== 'idle') return;
    try {
      const source = sourceOf(this.#cgroup);
      if (source === undefined) return;
      const before = source.kills();
      const unsubscribe = source.subscribe(() => this.#changed(source.lagMs));
      this.#state = { kind: 'watching', source, before, unsubscribe };
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ENODEV')) this.#logger.warn({ error }, 'not watched for want of memory');
    }
  }

  /**
   * Looks at once, and reports. To be called before an exit is published: the kernel counts a kill before it sends the
   * signal, while word of it may be on its way still.
   */
  check(): void {
    if (this.#state.kind !== 'watching') return;
    const { source, before } = this.#state;
    try {
      if (source.kills() <= before) return;
    } catch (error) {
      this.#logger.warn({ error }, 'cannot be looked at for want of memory');
      return;
    }
    this.stop();
    this.#onOom();
  }

  /** Ends it; nothing is reported any more. */
  stop(): void {
    if (this.#state.kind === 'watching') this.#state.unsubscribe();
    clearTimeout(this.#timer);
    this.#state = { kind: 'over' };
  }

  /** Looks now, and now and then until the kernel has done what it told of. Events meanwhile only prolong that. */
  #changed(lagMs: number): void {
    this.#lookUntil = performance.now() + Math.max(lagMs, LOOK_INTERVAL_MS);
    if (this.#timer === undefined) this.#look();
  }

  #look(): void {
    this.#timer = undefined;
    this.check();
    if (this.#state.kind !== 'watching' || performance.now() > this.#lookUntil) return;
    this.#timer = setTimeout(() => this.#look(), LOOK_INTERVAL_MS);
  }
}
