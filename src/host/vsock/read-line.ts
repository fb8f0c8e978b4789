/** Reads the one line with which a hybrid socket's connection starts. */
import type { Duplex } from 'node:stream';
import { KataError } from '../../wire/error.ts';

const NEWLINE = 0x0a;

/**
 * Reads a line, without its end. Bytes after it go back to the stream, which is neither flowing nor paused then.
 * @param maxBytes longest line that is taken.
 * @throws KataError ERR_PROTOCOL where it is longer, ERR_DEADLINE where it does not come in time, ERR_UNAVAILABLE at the
 *   end of the stream.
 */
export function readLine(stream: Duplex, maxBytes: number, timeoutMs: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let seen = Buffer.alloc(0);
  const timer = setTimeout(() => reject(new KataError('ERR_DEADLINE', 'hybrid vsock: no line in time')), timeoutMs);
  const onEnd = () => reject(new KataError('ERR_UNAVAILABLE', 'hybrid vsock: the peer has gone'));
  const onReadable = () => {
    // Reason for the cast: a byte stream without an encoding reads Buffers.
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const end = seen.indexOf(NEWLINE);
    if (end < 0 && seen.length <= maxBytes) return;
    stream.off('readable', onReadable);
    if (end < 0 || end > maxBytes) {
      reject(new KataError('ERR_PROTOCOL', `hybrid vsock: a line of more than ${maxBytes} bytes`));
      return;
    }
    if (end + 1 < seen.length) stream.unshift(seen.subarray(end + 1));
    resolve(seen.toString('latin1', 0, end));
  };
  stream.on('readable', onReadable);
  stream.once('end', onEnd);
  stream.once('close', onEnd);
  return promise.finally(() => {
    clearTimeout(timer);
    stream.off('readable', onReadable);
    stream.off('end', onEnd);
    stream.off('close', onEnd);
  });
}
