/** Calls with the deadlines of Kata's shim. */
import { KataError } from '../../wire/error.ts';
import type { Caller } from '../../wire/ttrpc/agent-client.ts';
import type { CallOptions } from '../../wire/ttrpc/client.ts';
import { CALL_TIMEOUT_MS } from '../agent-connection.ts';
import { isRefusal } from './expectation.ts';

/** Methods with a deadline of their own (ms), or with none: they wait for a process, or for the worst. */
const DEADLINES: ReadonlyMap<string, number | undefined> = new Map([
  ['Check', 30_000],
  ['WaitProcess', undefined],
  ['ReadStdout', undefined],
  ['ReadStderr', undefined],
  ['GetOOMEvent', undefined],
]);

/** The shim's deadline of a method (ms); undefined is none. */
export function shimDeadline(method: string): number | undefined {
  return DEADLINES.has(method) ? DEADLINES.get(method) : CALL_TIMEOUT_MS;
}

/** Stands before a client: gives each call its deadline, gives all up when a signal says so, and knows which ones wait. */
export class ShimCaller implements Caller {
  readonly #client: Caller;
  readonly #signal: AbortSignal;
  readonly #waiting = new Map<symbol, string>();
  readonly #refused = new WeakMap<object, string>();

  constructor(client: Caller, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  async call(service: string, method: string, payload: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    const { signal = this.#signal, timeoutMs = shimDeadline(method) } = options;
    const key = Symbol(method);
    this.#waiting.set(key, method);
    try {
      const bytes = await this.#client.call(service, method, payload, { ...options, signal, timeoutMs });
      this.#waiting.delete(key);
      return bytes;
    } catch (error) {
      const kataError = KataError.from(error);
      if (isRefusal(kataError)) {
        this.#waiting.delete(key);
        this.#refused.set(kataError, method);
      }
      throw kataError;
    }
  }

  /** The method that was answered with that error, where one was. */
  methodOf(error: KataError): string | undefined {
    return this.#refused.get(error);
  }

  /** Methods that have had no answer, the oldest first. */
  get waiting(): string[] {
    return [...this.#waiting.values()];
  }
}
