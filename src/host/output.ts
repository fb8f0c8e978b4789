/** Writes a container's output to a stream of ours, exactly and no faster than the reader takes it. */
import type { Writable } from 'node:stream';
import { KataError } from '../wire/error.ts';

/** Takes the next bytes of an output; resolves when more may come. */
export type Sink = (chunk: Uint8Array) => Promise<void>;

/**
 * A sink that writes to `stream` and waits while its buffer is full.
 * The sink rejects with ERR_CANCELLED where the reader went away (`... | head`).
 */
export function sinkTo(stream: Writable): Sink {
  let lost: KataError | undefined;
  const lose = (cause: Error): KataError => {
    lost ??= new KataError('ERR_CANCELLED', `the reader of the output went away: ${cause.message}`, { cause });
    return lost;
  };
  stream.on('error', lose);
  return (chunk) =>
    new Promise((resolve, reject) => {
      if (lost !== undefined) {
        reject(lost);
        return;
      }
      // The callback comes when the kernel has the bytes, so at most one chunk of ours waits at a time. On a failure it
      // comes before the event does.
      stream.write(chunk, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(lose(error));
      });
    });
}

/** A sink that keeps everything; for outputs whose size the caller knows to be small. */
export function collector(): { readonly sink: Sink; readonly bytes: () => Buffer } {
  const chunks: Uint8Array[] = [];
  return {
    sink: (chunk) => {
      chunks.push(chunk);
      return Promise.resolve();
    },
    bytes: () => Buffer.concat(chunks),
  };
}
