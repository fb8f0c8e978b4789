/** The main thread's view of the thread for files. */
import { Worker } from 'node:worker_threads';
import { KataError } from '../../wire/error.ts';
import { Mutex } from '../process/mutex.ts';
import { WORKER_OPTIONS } from '../process/worker-options.ts';
import type { FileAnswer, FileJobs, FileRequest } from './worker/job.ts';

/** Text of the thread's program where the agent is one file; not there where it runs from its sources. */
declare const FILE_WORKER_SOURCE: string | undefined;

/** Threads that hang in the kernel cost memory, and a share that holds up so many will hold up the next one too. */
const MAX_HANGING = 8;

type Argument<Kind extends keyof FileJobs> = Parameters<FileJobs[Kind]>[0];
type Result<Kind extends keyof FileJobs> = ReturnType<FileJobs[Kind]>;

/** Beside small objects it has parts of a file of up to 4 MiB, which lie outside of V8's heap. */
function startWorker(): Worker {
  if (typeof FILE_WORKER_SOURCE === 'string') return new Worker(FILE_WORKER_SOURCE, { ...WORKER_OPTIONS, eval: true });
  return new Worker(new URL('./worker/main.ts', import.meta.url), WORKER_OPTIONS);
}

/** Does what may hang, one job at a time. The thread is there from the first job on; its end would give nothing back. */
export class FileThread {
  readonly #mutex = new Mutex();
  #worker: Worker | undefined;
  #waiting: PromiseWithResolvers<FileAnswer> | undefined;
  #hanging = 0;

  /**
   * Does a job when it is its turn.
   * @param deadlineMs from the time on when the job begins. A thread that does not answer is left behind.
   * @throws KataError of the job; ERR_DEADLINE; ERR_RESOURCE_EXHAUSTED where too many threads hang.
   */
  async run<Kind extends keyof FileJobs>(kind: Kind, job: Argument<Kind>, deadlineMs: number): Promise<Result<Kind>> {
    return await this.#mutex.run(async () => {
      // Reason for the cast: kind and job belong together by this function's own type.
      const answer = await this.#ask({ kind, job } as FileRequest, deadlineMs);
      if (answer.kind === 'done') {
        // Reason for the cast: the thread answers each kind with the result of its function.
        return answer.result as Result<Kind>;
      }
      const { code, message, errno, status } = answer;
      throw new KataError(code, message, { status, ...(errno === '' ? {} : { errno }) });
    });
  }

  async #ask(request: FileRequest, deadlineMs: number): Promise<FileAnswer> {
    const worker = this.#started();
    const waiting = Promise.withResolvers<FileAnswer>();
    this.#waiting = waiting;
    const limit = setTimeout(() => {
      this.#leave(worker);
      const text = `${request.kind}: the files did not answer within ${deadlineMs} ms`;
      waiting.reject(new KataError('ERR_DEADLINE', text));
    }, deadlineMs);
    try {
      worker.postMessage(request);
      return await waiting.promise;
    } finally {
      this.#waiting = undefined;
      clearTimeout(limit);
    }
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    if (this.#hanging >= MAX_HANGING) {
      throw new KataError('ERR_RESOURCE_EXHAUSTED', `${this.#hanging} threads hang in files that do not answer`);
    }
    const worker = startWorker();
    worker.unref();
    worker.on('message', (answer: FileAnswer) => {
      // One that was left behind answers nobody.
      if (this.#worker === worker) this.#waiting?.resolve(answer);
    });
    worker.on('error', (error) => this.#ended(worker, KataError.from(error)));
    worker.on('exit', () => this.#ended(worker, new KataError('ERR_INTERNAL', 'the thread for files has ended')));
    this.#worker = worker;
    return worker;
  }

  #ended(worker: Worker, why: KataError): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#waiting?.reject(why);
  }

  /** It ends when it comes out of the kernel. */
  #leave(worker: Worker): void {
    this.#worker = undefined;
    this.#hanging += 1;
    void worker.terminate().finally(() => {
      this.#hanging -= 1;
    });
  }
}
