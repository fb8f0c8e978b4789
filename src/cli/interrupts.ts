/** What Ctrl-C and its kin do: the first one stops cleanly, the second one at once. */
import { KataError } from '../wire/error.ts';
import { statusOfSignal } from './exit-status.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Watches the signals that ask this program to end. */
export class Interrupts {
  readonly #controller = new AbortController();
  #first: NodeJS.Signals | undefined;
  #onFirst: () => void = () => {};

  /** Takes over the signals for the rest of the program's life. */
  constructor() {
    for (const signal of SIGNALS) process.on(signal, () => this.#take(signal));
  }

  /** Aborted by the first signal, with an ERR_CANCELLED as its reason. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Exit status if a signal came. */
  get status(): number | undefined {
    return this.#first === undefined ? undefined : statusOfSignal(this.#first);
  }

  /** Has `action` called, before {@link signal} is aborted; replaces an earlier action. */
  onFirst(action: () => void): void {
    this.#onFirst = action;
  }

  #take(signal: NodeJS.Signals): void {
    // The guardian takes back what we leave.
    if (this.#first !== undefined) process.exit(statusOfSignal(signal));
    this.#first = signal;
    this.#onFirst();
    this.#controller.abort(new KataError('ERR_CANCELLED', `stopped by ${signal}`));
  }
}
