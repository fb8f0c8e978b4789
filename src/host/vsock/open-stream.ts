/** A connection that the host asks for, as a stream and the answer to come. */
import type { Muxer } from './muxer.ts';
import { VsockStream } from './stream.ts';

/** A stream that the guest has not accepted yet; destroying it takes the request back. */
export interface OpeningStream {
  readonly stream: VsockStream;
  /** Resolves when the guest accepts; rejects with a KataError where it refuses or does not answer in time. */
  readonly opened: Promise<void>;
}

/**
 * Asks the guest for a connection.
 * @throws KataError where it cannot even be asked for; see {@link Muxer.connect}.
 */
export function openStream(muxer: Muxer, port: number, timeoutMs: number): OpeningStream {
  const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
  const stream = muxer.connect(
    port,
    timeoutMs,
    (connection) => new VsockStream(connection, (error) => (error === undefined ? resolve() : reject(error))),
  );
  return { stream, opened };
}
