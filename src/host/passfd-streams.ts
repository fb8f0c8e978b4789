/** The streams of a process by vsock connections of their own ("passfd"): full speed, and each end is told by itself. */
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { hasErrno, KataError } from '../wire/error.ts';
import type { Sink } from './output.ts';
import type { OutputName, ProcessStreams, StreamPorts } from './process-streams.ts';
import type { GuestStream, VsockConnector } from './vsock/guest-vsock.ts';

/** Port of the guest at which the agent takes the connections; agents listen there only where they are told to. */
export const PASSFD_PORT = 1027;
/** A guest whose agent answers calls accepts within milliseconds, a busy one within seconds (ms). */
const CONNECT_TIMEOUT_MS = 10_000;

/** Connections of the three streams; a terminal has no stderr of its own. */
interface Connections {
  readonly stdin: GuestStream;
  readonly stdout: GuestStream;
  readonly stderr: GuestStream | undefined;
}

/** Whether nobody listens: our device and hybrid sockets say ECONNREFUSED, the kernel's vsock ECONNRESET. */
function isRefusal(error: unknown): boolean {
  return hasErrno(error, 'ECONNREFUSED', 'ECONNRESET');
}

/** Streams by connections that were made before the process, which names their ports. */
export class PassfdStreams implements ProcessStreams {
  readonly kind = 'passfd';
  readonly ports: StreamPorts;
  readonly #connections: Connections;

  private constructor(connections: Connections) {
    this.#connections = connections;
    this.ports = {
      stdin_port: connections.stdin.localPort,
      stdout_port: connections.stdout.localPort,
      stderr_port: connections.stderr?.localPort ?? 0,
    };
  }

  /**
   * Connects.
   * @returns undefined where the agent does not listen.
   * @throws KataError as {@link VsockConnector.connect}.
   */
  static async open(vsock: VsockConnector, terminal: boolean): Promise<PassfdStreams | undefined> {
    const connecting = Array.from({ length: terminal ? 2 : 3 }, () => vsock.connect(PASSFD_PORT, CONNECT_TIMEOUT_MS));
    const results = await Promise.allSettled(connecting);
    const streams = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    // A connection that ends before anybody uses it must not end the program; who uses it learns of its end.
    for (const stream of streams) stream.on('error', () => {});
    const [stdin, stdout, stderr] = streams;
    if (stdin !== undefined && stdout !== undefined && streams.length === results.length) {
      return new PassfdStreams({ stdin, stdout, stderr });
    }
    for (const stream of streams) stream.destroy();
    const failure = results.find((result) => result.status === 'rejected');
    if (isRefusal(failure?.reason)) return undefined;
    throw KataError.from(failure?.reason);
  }

  input(): Writable {
    const { stdin } = this.#connections;
    // The agent sends nothing on it, but only who reads sees it close.
    stdin.resume();
    return stdin;
  }

  async readOutput(name: OutputName, sink: Sink, signal: AbortSignal): Promise<void> {
    const stream = this.#connections[name];
    if (stream === undefined) return;
    const onAbort = (): void => void stream.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      // Leaving the loop closes the connection, in whatever way.
      for await (const chunk of stream) await sink(chunk);
    } catch (error) {
      throw signal.aborted ? KataError.from(signal.reason) : lost(name, error);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async closeInput(): Promise<void> {
    const { stdin } = this.#connections;
    stdin.end();
    // A connection that was cut has ended the input as well.
    await finished(stdin, { readable: false }).catch(() => {});
  }

  drop(): void {
    const { stdin, stdout, stderr } = this.#connections;
    for (const stream of [stdin, stdout, stderr]) stream?.destroy();
  }
}

/** The error of a connection that was cut, or of the sink, which is passed on as it is. */
function lost(name: OutputName, error: unknown): KataError {
  const cause = KataError.from(error);
  const isCut = hasErrno(error, 'ECONNRESET', 'EPIPE', 'ENOTCONN') || isPrematureClose(error);
  return isCut
    ? new KataError('ERR_UNAVAILABLE', `the connection of ${name} was cut: ${cause.message}`, { cause })
    : cause;
}

function isPrematureClose(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
