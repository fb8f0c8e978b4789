/** A lock for asynchronous work. */
import { KataError } from '../../wire/error.ts';

interface Waiter {
  readonly enter: () => void;
}

/** Lets one piece of work run at a time, in the order of the calls. */
export class Mutex {
  readonly #waiters: Waiter[] = [];
  #held = false;

  /** Whether work is under way or waits. */
  get held(): boolean {
    return this.#held;
  }

  /**
   * Runs `work` when it is its turn.
   * @param signal where it is aborted before that, the turn is given up and `work` never runs.
   * @throws KataError ERR_CANCELLED for a turn that was given up; else what `work` throws.
   */
  async run<T>(work: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  #enter(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(cancelled());
    if (!this.#held) {
      this.#held = true;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(cancelled());
      };
      const waiter: Waiter = {
        enter: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiters.push(waiter);
    });
  }

  #leave(): void {
    const next = this.#waiters.shift();
    // Handed over, not freed: a newcomer must not overtake those who wait.
    if (next === undefined) this.#held = false;
    else next.enter();
  }
}

/** The error of a call whose caller has gone. */
export function cancelled(): KataError {
  return new KataError('ERR_CANCELLED', 'the caller has gone');
}
