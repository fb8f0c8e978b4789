/** One random blob for many connections, and yet other bytes on each: it starts at another place. */
import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';

/** How much further the next connection's bytes start; a prime, so that no two start alike. */
const STEP = 4099;

function turned(blob: Buffer, index: number): [Buffer, Buffer] {
  const start = (index * STEP) % blob.length;
  return [blob.subarray(start), blob.subarray(0, start)];
}

/** SHA-256 of what a stream brings until its end. Leaves the other direction open, which `for await` would not. */
export function digestToEnd(stream: Duplex): Promise<string> {
  const hash = createHash('sha256');
  stream.on('data', (chunk: Buffer) => hash.update(chunk));
  stream.resume();
  return new Promise((resolve, reject) => {
    stream.once('end', () => resolve(hash.digest('hex')));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('closed before the end')));
  });
}

/** Sends the blob as connection `index` does, ends, and tells whether the same bytes came back. */
export async function isEchoed(stream: Duplex, blob: Buffer, index: number): Promise<boolean> {
  const [first, second] = turned(blob, index);
  const digest = digestToEnd(stream);
  stream.write(first);
  stream.end(second);
  return (await digest) === createHash('sha256').update(first).update(second).digest('hex');
}
