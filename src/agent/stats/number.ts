/** Numbers in the files of a cgroup. */
import Long from 'long';

const DECIMAL = /^\d{1,20}$/;

/** What a file says that knows no limit (2^63 - 1), as the client understands it. */
export const NO_LIMIT = Long.MAX_VALUE.toUnsigned();

/** The number in a file, or behind a key; zero where there is none, or a word such as `max`. */
export function u64(text: string | undefined): Long {
  const digits = (text ?? '').trim();
  return DECIMAL.test(digits) ? Long.fromString(digits, true) : Long.UZERO;
}

/** Lines `key value`, as in memory.stat and cpu.stat. */
export function keyed(text: string | undefined): ReadonlyMap<string, string> {
  const lines = (text ?? '').split('\n').map((line) => line.split(' '));
  return new Map(lines.flatMap(([key, value]) => (key && value !== undefined ? [[key, value] as const] : [])));
}
