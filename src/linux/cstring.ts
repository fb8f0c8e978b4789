/** Strings and string vectors as C wants them: exact bytes, ended by NUL. */
import { Buffer } from 'node:buffer';
import { KataError } from '../wire/error.ts';
import { addressOf } from './ffi.ts';

/**
 * Text or raw bytes. Linux takes any byte but NUL in a path, an argument or an environment entry, so whoever has
 * bytes that are not UTF-8 passes them as they are.
 */
export type Bytes = string | Uint8Array;

const POINTER_BYTES = 8;

/** The value as it may be put into a message: bytes are shown as far as they are text. */
export function printable(value: Bytes): string {
  return JSON.stringify(typeof value === 'string' ? value : Buffer.from(value).toString('utf8'));
}

/**
 * Bytes of `value` and a closing NUL.
 * @param what names the value in the error, such as `path` or `argv[2]`.
 * @throws KataError ERR_INVALID_ARGUMENT where the value has a NUL, at which C would cut it, or a lone surrogate,
 *   which has no UTF-8 form and would become another character.
 */
export function cString(what: string, value: Bytes): Buffer {
  if (typeof value === 'string' && !value.isWellFormed()) {
    throw new KataError('ERR_INVALID_ARGUMENT', `${what}: ${printable(value)} has no UTF-8 form`);
  }
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  if (bytes.includes(0))
    throw new KataError('ERR_INVALID_ARGUMENT', `${what}: ${printable(value)} contains a NUL byte`);
  const terminated = Buffer.alloc(bytes.length + 1);
  terminated.set(bytes);
  return terminated;
}

/**
 * A NULL-terminated `char *[]`: the pointers and the strings that they point to are one allocation, so that holding
 * the returned Buffer, as passing it to native code does, holds all of it.
 * @throws KataError ERR_INVALID_ARGUMENT as {@link cString}; the message says which entry.
 */
export function cStringVector(what: string, values: readonly Bytes[]): Buffer {
  const strings = values.map((value, index) => cString(`${what}[${index}]`, value));
  const pointerBytes = (strings.length + 1) * POINTER_BYTES;
  const vector = Buffer.alloc(pointerBytes + strings.reduce((sum, string) => sum + string.length, 0));
  const base = addressOf(vector);
  let offset = pointerBytes;
  for (const [index, string] of strings.entries()) {
    vector.writeBigUInt64LE(base + BigInt(offset), index * POINTER_BYTES);
    vector.set(string, offset);
    offset += string.length;
  }
  return vector;
}
