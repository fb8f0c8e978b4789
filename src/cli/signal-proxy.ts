/** Passes the signals that end this program on to the program in the guest that it stands for. */
import { constants } from 'node:os';
import { statusOfSignal } from './exit-status.ts';
import { complain } from './report.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A guest that does not take the last word must not hold a terminal that is closed already (ms). */
const HANG_UP_TIMEOUT_MS = 1_000;

/**
 * Watches the signals until it is disposed of. The first one goes to the guest; the second one ends this program at once. With
 * a terminal, whose Ctrl-C is a key, a signal means that the terminal goes away: the program in the guest is hung up, as
 * by any terminal that closes, and this one ends.
 */
export class SignalProxy implements Disposable {
  readonly #send: (signal: number) => Promise<void>;
  readonly #terminal: boolean;
  readonly #listeners = SIGNALS.map((name) => [name, () => this.#take(name)] as const);
  #count = 0;

  constructor(terminal: boolean, send: (signal: number) => Promise<void>) {
    this.#terminal = terminal;
    this.#send = send;
    for (const [name, listener] of this.#listeners) process.on(name, listener);
  }

  [Symbol.dispose](): void {
    for (const [name, listener] of this.#listeners) process.off(name, listener);
  }

  #take(name: (typeof SIGNALS)[number]): void {
    this.#count += 1;
    if (this.#count > 1) process.exit(statusOfSignal(name));
    if (!this.#terminal) {
      this.#send(constants.signals[name]).catch(complain);
      return;
    }
    const leave = (): void => process.exit(statusOfSignal(name));
    setTimeout(leave, HANG_UP_TIMEOUT_MS);
    this.#send(constants.signals.SIGHUP).then(leave, leave);
  }
}
