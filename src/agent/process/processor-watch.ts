/** Whether a thread that does not get on is held up, or only waits for its turn on a busy machine. */
import { readFileSync } from 'node:fs';

/** Of its time, for which a thread has to have run or been ready to run where it was not held up. */
const READY_SHARE = 0.5;
const NS_PER_MS = 1e6;

/** How long a thread has run, and how long it was ready and had no processor (ns). proc_pid_schedstat, kernel sched-stats.rst. */
function readyNs(path: string): number | undefined {
  try {
    const [ran = NaN, waited = NaN] = readFileSync(path, 'latin1').split(' ').map(Number);
    return ran + waited;
  } catch {
    // It has gone, or the kernel does not account for that.
    return undefined;
  }
}

/** Looks at a thread from now on. */
export class ProcessorWatch {
  readonly #path: string;
  readonly #since = performance.now();
  readonly #before: number | undefined;

  /** @param thread its directory in /proc: `/proc/<pid>` or `/proc/<pid>/task/<tid>`. */
  constructor(thread: string) {
    this.#path = `${thread}/schedstat`;
    this.#before = readyNs(this.#path);
  }

  /** True where it has wanted a processor for most of the time: nobody holds it up. False also where that is not known. */
  get isStarved(): boolean {
    const now = readyNs(this.#path);
    if (now === undefined || this.#before === undefined) return false;
    return now - this.#before >= (performance.now() - this.#since) * NS_PER_MS * READY_SHARE;
  }
}
