/** Our standard output and error, which belong to whoever started us: read slowly, read by nobody, or closed. */
import { fstatSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { duplicateFd } from '../linux/fdpass.ts';
import { adoptSocket } from '../linux/handle.ts';

/** What may wait for a slow reader (bytes); what comes after that is dropped, for the machine must not wait for a log. */
const WAITING_MAX_BYTES = 1 << 20;

/**
 * A writer to a descriptor that never blocks and never fails.
 * @param fd stays open; a pipe, a terminal, a socket, or a file.
 */
export function openOutput(fd: number): (bytes: Uint8Array | string) => void {
  const stream = streamOf(fd);
  if (stream === undefined) {
    return (bytes) => {
      try {
        if (typeof bytes === 'string') writeSync(fd, bytes);
        else writeSync(fd, bytes);
      } catch {
        // The disk is full, or nothing is open there.
      }
    };
  }
  stream.on('error', () => {});
  return (bytes) => {
    if (stream.writable && stream.writableLength < WAITING_MAX_BYTES) stream.write(bytes);
  };
}

/** What can be waited for gets a stream. Node's own for a pipe would block us until it is read. */
function streamOf(fd: number): Writable | undefined {
  try {
    if (fstatSync(fd).isFile()) return undefined;
    return adoptSocket(duplicateFd(fd), { readable: false });
  } catch {
    // Closed, or of a kind that is always ready, such as /dev/null.
    return undefined;
  }
}
