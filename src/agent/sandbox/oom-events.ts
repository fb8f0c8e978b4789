/** Containers in which the kernel killed for want of memory, until somebody asks for them. */
import { KataError } from '../../wire/error.ts';
import type { Logger } from '../log/logger.ts';
import { cancelled } from '../process/mutex.ts';

/** Containers that wait to be told of; each is told of once, so a pod never has as many. */
const MAX_WAITING = 100;

interface Caller {
  readonly give: (containerId: string) => void;
  readonly fail: (error: KataError) => void;
}

/** A queue of events; each goes to one caller, in the order of the calls. */
export class OomEvents {
  readonly #logger: Logger;
  readonly #events: string[] = [];
  readonly #callers = new Set<Caller>();
  #closed = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Adds an event. It is lost, and logged, where MAX_WAITING others wait already: nobody asks for any then. */
  push(containerId: string): void {
    if (this.#closed) return;
    const [caller] = this.#callers;
    if (caller !== undefined) {
      this.#callers.delete(caller);
      caller.give(containerId);
    } else if (this.#events.length < MAX_WAITING) {
      this.#events.push(containerId);
    } else {
      this.#logger.warn({ 'container-id': containerId }, 'out of memory, but nobody asks for such events');
    }
  }

  /**
   * Waits for an event.
   * @param signal aborted when the caller has gone: it then takes none.
   * @returns the container's id.
   * @throws KataError ERR_CANCELLED; ERR_INTERNAL once the queue is closed.
   */
  next(signal: AbortSignal): Promise<string> {
    if (this.#closed) return Promise.reject(over());
    if (signal.aborted) return Promise.reject(cancelled());
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve(event);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const leave = (): void => {
      this.#callers.delete(caller);
      reject(cancelled());
    };
    const caller: Caller = { give: resolve, fail: reject };
    this.#callers.add(caller);
    signal.addEventListener('abort', leave, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', leave));
  }

  /** Ends it: whoever waits gets an error, and whoever asks from now on. */
  close(): void {
    this.#closed = true;
    for (const caller of this.#callers) caller.fail(over());
    this.#callers.clear();
  }
}

/** What the shim knows as the end: the empty text, with quotation marks. */
function over(): KataError {
  return new KataError('ERR_INTERNAL', '""');
}
