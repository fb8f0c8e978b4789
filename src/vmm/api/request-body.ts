/** The body of a request. */
import type { IncomingMessage } from 'node:http';
import { KataError } from '../../wire/error.ts';

/** The longest honest one describes a machine in a few KiB. */
const BODY_MAX_BYTES = 256 << 10;

/**
 * Reads a body that is JSON. Members that are null count as absent, as clients without optional values write them.
 * @returns undefined for an empty one.
 * @throws KataError ERR_RESOURCE_EXHAUSTED, ERR_PROTOCOL.
 */
export async function readJson(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  // The message is not destroyed by an early end of the loop: the answer goes out on its connection.
  for await (const chunk of message.iterator({ destroyOnReturn: false })) {
    // Reason for the cast: a message without an encoding reads Buffers.
    chunks.push(chunk as Buffer);
    length += chunks.at(-1)?.length ?? 0;
    if (length > BODY_MAX_BYTES) {
      throw new KataError('ERR_RESOURCE_EXHAUSTED', `the request has more than ${BODY_MAX_BYTES} bytes`);
    }
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text, (_, value: unknown) => (value === null ? undefined : value));
  } catch (cause) {
    throw new KataError('ERR_PROTOCOL', `the request is not JSON: ${KataError.from(cause).message}`, { cause });
  }
}
