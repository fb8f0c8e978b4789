/** The main thread's view of one thread of the launcher. */
import { Worker } from 'node:worker_threads';
import { KataError } from '../../wire/error.ts';
import { WORKER_OPTIONS } from '../process/worker-options.ts';
import type { AgentSide, Gate } from './agent-side.ts';
import type { Job, JobResult, ThreadData, ThreadKind, ThreadMessage } from './worker/job.ts';

/** Text of the thread's program where the agent is one file; not there where it runs from its sources. */
declare const EXEC_WORKER_SOURCE: string | undefined;

function startWorker(workerData: ThreadData): Worker {
  if (typeof EXEC_WORKER_SOURCE === 'string')
    return new Worker(EXEC_WORKER_SOURCE, { ...WORKER_OPTIONS, workerData, eval: true });
  return new Worker(new URL('./worker/main.ts', import.meta.url), { ...WORKER_OPTIONS, workerData });
}

/** A job under way. */
interface Running {
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: KataError) => void;
  readonly onSpawning: () => void;
}

/** One thread; it does one job at a time. */
export class LauncherThread {
  readonly gate: Gate;
  /** Resolves when it takes jobs; rejects where it does not get there. */
  readonly ready: Promise<void>;
  /** Settles when it is gone, however that comes. */
  readonly gone: Promise<void>;
  readonly #worker: Worker;
  readonly #givenUp = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  #launches = 0;
  #thread = 0;
  #running: Running | undefined;

  constructor(kind: ThreadKind, side: AgentSide) {
    this.gate = side.makeGate();
    const { gateDirectory, procRoot, home } = side;
    const data = { kind, gateDirectory, gateName: this.gate.name, procRoot, home, givenUp: this.#givenUp };
    this.#worker = startWorker(data);
    this.#worker.unref();
    const ready = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    this.ready = ready.promise;
    this.gone = gone.promise;
    // Nobody may be waiting for it.
    this.ready.catch(() => {});
    this.#worker.on('message', (message: ThreadMessage) => this.#take(message, ready.resolve));
    const fail = (error: unknown): void => {
      const failure = KataError.from(error);
      ready.reject(failure);
      this.#settle((running) => running.reject(failure));
    };
    this.#worker.on('error', fail);
    this.#worker.on('exit', () => {
      fail(new KataError('ERR_INTERNAL', 'the thread of the launcher has ended'));
      this.gate.remove();
      gone.resolve();
    });
  }

  /** Its number in /proc/self/task. */
  get thread(): number {
    return this.#thread;
  }

  /** The number that the next launch has to have. */
  nextLaunch(): number {
    this.#launches += 1;
    return this.#launches;
  }

  /**
   * Does a job.
   * @param onSpawning called when a launch's child is about to be made.
   * @throws KataError where the thread ends before it has answered.
   */
  run(job: Job, onSpawning: () => void): Promise<JobResult> {
    const { promise, resolve, reject } = Promise.withResolvers<JobResult>();
    this.#running = { resolve, reject, onSpawning };
    this.#worker.postMessage(job);
    return promise;
  }

  /** Lets no launch so far make or keep a child that has not passed the gate. */
  giveUp(): void {
    Atomics.store(new Int32Array(this.#givenUp), 0, this.#launches);
    this.gate.remove();
  }

  /** Ends it; one that hangs in the kernel ends when it comes out of there. */
  close(): void {
    this.gate.remove();
    void this.#worker.terminate();
  }

  #take(message: ThreadMessage, onReady: () => void): void {
    switch (message.kind) {
      case 'ready':
        this.#thread = message.thread;
        onReady();
        return;
      case 'spawning':
        this.#running?.onSpawning();
        return;
      case 'done':
        this.#settle((running) => running.resolve(message.result));
        return;
    }
  }

  #settle(answer: (running: Running) => void): void {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) answer(running);
  }
}
