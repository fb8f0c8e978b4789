/** Makes recorded calls again, in their order and with their deadlines, as the shim made them: some at the same time. */
import { KataError } from '../../src/wire/error.ts';
import { type AnyMethod, findService } from '../../src/wire/services.ts';
import type { TtrpcClient } from '../../src/wire/ttrpc/client.ts';
import type { RecordedCall } from './recording.ts';

/** Header that containerd's shims send with each call. */
const METADATA = new Map([['containerd-namespace-ttrpc', 'default']]);

/** How one call was answered. */
export interface Answer {
  readonly scenario: string;
  readonly method: string;
  /** The process that a call is about, as `container/process`; empty for others. */
  readonly process: string;
  /** Code of the error, or undefined for success. */
  readonly error: string | undefined;
  /** The exit status that a wait gave. */
  readonly status: number | undefined;
}

/** Finds a recorded call's codecs. @throws Error where our table does not know it. */
export function methodOf({ service, method }: RecordedCall): AnyMethod {
  const found = findService(service)?.get(method);
  if (found === undefined) throw new Error(`${service}/${method} is not in the table of services`);
  return found;
}

/** A field of a message; where the peer left it out, its default value, which is not the object's own. */
function fieldOf(message: object, name: string): unknown {
  return Reflect.get(message, name);
}

/** One connection's calls. */
export class Replayer {
  /** The answers to calls that were waited for, in their order. */
  readonly answers: Answer[] = [];
  /** What each process printed: `container/process ReadStdout` -> text. */
  readonly outputs = new Map<string, string>();
  readonly #client: TtrpcClient;
  /** Read loops and waits for events, which go on beside the other calls. */
  readonly #background = new Map<string, Promise<void>>();

  constructor(client: TtrpcClient) {
    this.#client = client;
  }

  /** Makes one call, and waits for its answer where the shim does. */
  async play(recorded: RecordedCall): Promise<void> {
    const { method } = recorded;
    const process = processOf(recorded);
    if (method === 'ReadStdout' || method === 'ReadStderr') {
      // A further recorded read is a later turn of the loop that the first one started: how many there are depends on
      // when the bytes come.
      const key = `${process} ${method}`;
      if (!this.#background.has(key)) this.#background.set(key, this.#readAll(recorded, key));
    } else if (method === 'GetOOMEvent') {
      // It is answered when there is an event, or when the sandbox ends.
      this.#background.set(
        method,
        this.#call(recorded).then(
          () => {},
          () => {},
        ),
      );
    } else {
      // The shim waits for a process only after both of its outputs have ended.
      if (method === 'WaitProcess') await this.#outputsEnded(process);
      this.answers.push(await this.#answer(recorded, process));
    }
  }

  async #outputsEnded(process: string): Promise<void> {
    await Promise.all(['ReadStdout', 'ReadStderr'].map((method) => this.#background.get(`${process} ${method}`)));
  }

  async #answer(recorded: RecordedCall, process: string): Promise<Answer> {
    const { scenario, method } = recorded;
    try {
      const status = fieldOf(await this.#call(recorded), 'status');
      return { scenario, method, process, error: undefined, status: typeof status === 'number' ? status : undefined };
    } catch (error) {
      return { scenario, method, process, error: KataError.from(error).code, status: undefined };
    }
  }

  /** Reads until an error, as both recorded versions of the shim do. */
  async #readAll(recorded: RecordedCall, key: string): Promise<void> {
    const chunks: Uint8Array[] = [];
    for (;;) {
      try {
        const data = fieldOf(await this.#call(recorded), 'data');
        if (data instanceof Uint8Array) chunks.push(data);
      } catch {
        this.outputs.set(key, Buffer.concat(chunks).toString());
        return;
      }
    }
  }

  async #call(recorded: RecordedCall): Promise<object> {
    const { service, method, payload, timeoutMs } = recorded;
    const answer = await this.#client.call(service, method, payload, { timeoutMs, metadata: METADATA });
    return methodOf(recorded).response.decode(answer);
  }
}

function processOf(recorded: RecordedCall): string {
  const message = methodOf(recorded).request.decode(recorded.payload);
  const [container, process] = [fieldOf(message, 'container_id'), fieldOf(message, 'exec_id')];
  return typeof container === 'string' && typeof process === 'string' ? `${container}/${process}` : '';
}
