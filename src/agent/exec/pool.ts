/** The launcher's threads. */
import { KataError } from '../../wire/error.ts';
import type { Logger } from '../log/logger.ts';
import { AgentSide } from './agent-side.ts';
import { FairQueue } from './fair-queue.ts';
import { LauncherThread } from './thread.ts';
import type { ThreadKind } from './worker/job.ts';

/** Threads that work or are ready to; each has some megabytes. Pods have one or two kinds of containers. */
const THREADS_MAX = 4;
/** Threads that hang in the kernel. While there are so many, the runtime serves. */
const STUCK_MAX = 4;
/** A thread whose job takes longer holds up the others: another one is started beside it (ms). */
const SLOW_MS = 1_000;

type State = 'starting' | 'idle' | 'busy' | 'stuck';

/** A thread with its place in the pool. */
export interface Slot {
  readonly thread: LauncherThread;
  readonly key: string;
  /** Children of the thread that have not ended. */
  readonly children: Set<number>;
}

interface Place extends Slot {
  state: State;
  /** performance.now() when its state last changed. */
  since: number;
}

interface Waiter {
  readonly enter: (slot: Slot) => void;
  readonly giveUp: (error: KataError) => void;
}

/** Name of a kind of threads. */
function keyOf({ bounding, noNewPrivileges }: ThreadKind): string {
  return `${bounding.toString(16)}${noNewPrivileges ? ' no_new_privs' : ''}`;
}

/** Starts threads as they are wanted, and hands each to one user at a time. */
export class ThreadPool {
  readonly #side: AgentSide;
  readonly #logger: Logger;
  readonly #places = new Set<Place>();
  readonly #queues = new Map<string, FairQueue<Waiter>>();
  readonly #kinds = new Map<string, ThreadKind>();
  #closed = false;

  /** @param directory for the gates. */
  constructor(directory: string, logger: Logger) {
    this.#side = new AgentSide(directory);
    this.#logger = logger;
  }

  /** Why no thread of a kind can be had soon; undefined where one can. Starts one where there is none. */
  obstacle(kind: ThreadKind): string | undefined {
    const key = keyOf(kind);
    const places = this.#of(key);
    if (places.length === 0) return this.start(kind) === undefined ? 'all threads are taken' : 'its thread is starting';
    const late = performance.now() - SLOW_MS;
    if (places.every(({ state, since }) => state === 'busy' && since < late)) return 'its threads are held up';
    return places.every(({ state }) => state === 'starting') ? 'its thread is starting' : undefined;
  }

  /** Starts a thread of a kind where none is there. @returns undefined where there is no room; else when it is ready. */
  start(kind: ThreadKind): Promise<void> | undefined {
    const [there] = this.#of(keyOf(kind));
    return (there ?? this.#add(kind))?.thread.ready;
  }

  /** The kind of a thread that there is, for a job that any can do. */
  anyKind(): ThreadKind | undefined {
    const usable = [...this.#places].filter(({ state }) => state !== 'stuck');
    const place = usable.find(({ state }) => state === 'idle') ?? usable[0];
    return place === undefined ? undefined : this.#kinds.get(place.key);
  }

  /**
   * Waits for a thread.
   * @param owner the container that it is for: none has to wait for all that another asks.
   * @throws KataError ERR_RESOURCE_EXHAUSTED where no thread of the kind is left.
   */
  acquire(kind: ThreadKind, owner: string): Promise<Slot> {
    const key = keyOf(kind);
    if (this.#of(key).length === 0 && this.#add(kind) === undefined) return Promise.reject(noThread());
    const { promise, resolve, reject } = Promise.withResolvers<Slot>();
    const queue = this.#queues.get(key) ?? new FairQueue<Waiter>();
    this.#queues.set(key, queue);
    queue.push(owner, { enter: resolve, giveUp: reject });
    this.#serve(key);
    if (!queue.empty) this.#helpLater(key);
    return promise;
  }

  /** Gives a thread back. */
  release(slot: Slot): void {
    const place = this.#placeOf(slot);
    if (place === undefined) return;
    const idle = this.#of(slot.key).some(({ state }) => state === 'idle');
    if (place.state === 'stuck' || (idle && this.#queues.get(slot.key)?.empty !== false)) slot.thread.close();
    else this.#change(place, 'idle');
    this.#serve(slot.key);
  }

  /** Leaves a thread behind that does not come back. Release it where it does. */
  setAside(slot: Slot): void {
    const place = this.#placeOf(slot);
    if (place === undefined) return;
    this.#logger.warn({ thread: slot.thread.thread }, 'a thread of the launcher hangs and was left behind');
    this.#change(place, 'stuck');
    slot.thread.giveUp();
    this.#replace(slot.key);
  }

  close(): void {
    this.#closed = true;
    for (const { thread } of this.#places) thread.close();
    for (const queue of this.#queues.values()) for (const waiter of queue.clear()) waiter.giveUp(noThread());
    void Promise.all([...this.#places].map(({ thread }) => thread.gone)).then(() => this.#side.close());
  }

  #of(key: string): readonly Place[] {
    return [...this.#places].filter((place) => place.key === key && place.state !== 'stuck');
  }

  #placeOf(slot: Slot): Place | undefined {
    return [...this.#places].find(({ thread }) => thread === slot.thread);
  }

  #change(place: Place, state: State): void {
    place.state = state;
    place.since = performance.now();
  }

  /** Makes room by ending the thread that has been idle for the longest time. */
  #hasRoom(): boolean {
    const places = [...this.#places];
    const stuck = places.filter(({ state }) => state === 'stuck').length;
    if (this.#closed || stuck >= STUCK_MAX) return false;
    if (places.length - stuck < THREADS_MAX) return true;
    const [oldest] = places.filter(({ state }) => state === 'idle').sort((a, b) => a.since - b.since);
    if (oldest === undefined) return false;
    this.#places.delete(oldest);
    oldest.thread.close();
    return true;
  }

  #add(kind: ThreadKind): Place | undefined {
    if (!this.#hasRoom()) return undefined;
    const key = keyOf(kind);
    this.#kinds.set(key, kind);
    const thread = new LauncherThread(kind, this.#side);
    const place: Place = { thread, key, children: new Set(), state: 'starting', since: performance.now() };
    this.#places.add(place);
    this.#logger.debug({ kind: key }, 'a thread of the launcher starts');
    thread.ready.then(
      () => {
        this.#logger.debug(
          { kind: key, 'start-ms': performance.now() - place.since },
          'a thread of the launcher is ready',
        );
        if (place.state === 'starting') this.#change(place, 'idle');
        this.#serve(key);
      },
      (error: unknown) => this.#logger.warn({ error }, 'a thread of the launcher ended'),
    );
    void thread.gone.then(() => {
      this.#places.delete(place);
      this.#replace(key);
    });
    return place;
  }

  #serve(key: string): void {
    const queue = this.#queues.get(key);
    for (const place of this.#of(key)) {
      if (place.state !== 'idle') continue;
      const waiter = queue?.shift();
      if (waiter === undefined) return;
      this.#change(place, 'busy');
      waiter.enter(place);
    }
  }

  /** Whoever waits gets another thread, or is told that there is none. */
  #replace(key: string): void {
    const queue = this.#queues.get(key);
    const kind = this.#kinds.get(key);
    if (queue === undefined || queue.empty || kind === undefined || this.#of(key).length > 0) return;
    if (this.#add(kind) === undefined) for (const waiter of queue.clear()) waiter.giveUp(noThread());
  }

  #helpLater(key: string): void {
    setTimeout(() => {
      const kind = this.#kinds.get(key);
      if (this.#queues.get(key)?.empty !== false || kind === undefined) return;
      const late = performance.now() - SLOW_MS;
      if (this.#of(key).every(({ state, since }) => state === 'busy' && since <= late)) this.#add(kind);
      this.#helpLater(key);
    }, SLOW_MS).unref();
  }
}

function noThread(): KataError {
  return new KataError('ERR_RESOURCE_EXHAUSTED', 'no thread of the launcher is left');
}
