/** The streams of a process by calls, one a chunk, as Kata's Go shim carries them. */
import { Writable } from 'node:stream';
import { KataError } from '../wire/error.ts';
import type { AgentClient } from '../wire/ttrpc/agent-client.ts';
import { CALL_TIMEOUT_MS } from './agent-connection.ts';
import type { Sink } from './output.ts';
import type { OutputName, ProcessStreams, StreamPorts } from './process-streams.ts';

/** Bytes asked for by one read, and given by one write at most: what the shim's copies move at a time. */
const CHUNK_BYTES = 32 * 1024;
const NO_PORTS: StreamPorts = { stdin_port: 0, stdout_port: 0, stderr_port: 0 };

/** Which process. */
export interface ProcessIdentity {
  readonly containerId: string;
  /** The container's id for its first process. */
  readonly execId: string;
}

/** Streams by ReadStdout, ReadStderr, WriteStdin and CloseStdin. */
export class UnaryStreams implements ProcessStreams {
  readonly kind = 'unary';
  readonly ports = NO_PORTS;
  readonly #calls: AgentClient;
  readonly #request: { readonly container_id: string; readonly exec_id: string };
  readonly #dropped = new AbortController();

  constructor(calls: AgentClient, { containerId, execId }: ProcessIdentity) {
    this.#calls = calls;
    this.#request = { container_id: containerId, exec_id: execId };
  }

  input(): Writable {
    const input = new Writable({
      highWaterMark: CHUNK_BYTES,
      write: (chunk: Uint8Array, _encoding, done) => void this.#write(chunk).then(() => done(), done),
      final: (done) => void this.closeInput().then(() => done(), done),
    });
    this.#dropped.signal.addEventListener('abort', () => input.destroy());
    return input;
  }

  async readOutput(name: OutputName, sink: Sink, signal: AbortSignal): Promise<void> {
    const { agent } = this.#calls;
    const request = { ...this.#request, len: CHUNK_BYTES };
    const options = { signal: AbortSignal.any([signal, this.#dropped.signal]) };
    const read = name === 'stdout' ? agent.ReadStdout : agent.ReadStderr;
    for (;;) {
      const data = await readNext(() => read(request, options));
      if (data.length === 0) return;
      await sink(data);
    }
  }

  async closeInput(): Promise<void> {
    try {
      await this.#calls.agent.CloseStdin(this.#request, { timeoutMs: CALL_TIMEOUT_MS });
    } catch (error) {
      // The process may have ended already; then there is no input to close.
      if (!isCode(error, 'ERR_UNIMPLEMENTED', 'ERR_NOT_FOUND', 'ERR_INVALID_ARGUMENT', 'ERR_FAILED_PRECONDITION'))
        throw error;
    }
  }

  drop(): void {
    this.#dropped.abort(new KataError('ERR_CANCELLED', 'the streams of the process were given up'));
  }

  async #write(chunk: Uint8Array): Promise<void> {
    for (let offset = 0; offset < chunk.length; offset += CHUNK_BYTES) {
      const data = chunk.subarray(offset, offset + CHUNK_BYTES);
      // Without a limit: a program reads its input when it likes.
      const { len } = await this.#calls.agent.WriteStdin({ ...this.#request, data }, { signal: this.#dropped.signal });
      if (len !== data.length) {
        throw new KataError('ERR_PROTOCOL', `WriteStdin took ${len} of ${data.length} bytes`);
      }
    }
  }
}

/**
 * The next bytes of a stream, none at its end. Agents mark the end by an answer without data or by an error: an
 * answer that is an error ends the stream, whatever it says, but a lost connection is passed on.
 */
async function readNext(read: () => Promise<{ data: Uint8Array }>): Promise<Uint8Array> {
  try {
    return (await read()).data;
  } catch (error) {
    if (isCode(error, 'ERR_UNAVAILABLE', 'ERR_CANCELLED', 'ERR_PROTOCOL', 'ERR_BOOT')) throw error;
    return new Uint8Array();
  }
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof KataError && codes.includes(error.code);
}
