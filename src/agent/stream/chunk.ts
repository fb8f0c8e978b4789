/** Buffers for bytes on their way between a process and a connection. */

/**
 * The most that a stream moves at a time (bytes): the room that the host's end of a connection has. It is also the size
 * that pipes are given. Larger ones move no more a second, and a chunk takes a millisecond in an emulated guest.
 */
export const CHUNK_BYTES = 256 * 1024;
/** Unused buffers that are kept for the next ones: one for what is moved at once, and some for streams that wait often. */
const KEPT_MAX = 4;

const unused: Buffer[] = [];

/** A buffer, until it is given back. Only a stream whose bytes wait has one for longer than a moment. */
export function takeChunk(): Buffer {
  return unused.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
}

/** Takes a buffer back that nobody reads or writes any more. */
export function giveChunk(chunk: Buffer): void {
  if (unused.length < KEPT_MAX) unused.push(chunk);
}
