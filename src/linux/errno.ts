/** errno numbers and the error that a failed system call becomes. */
import { constants } from 'node:os';
import { KataError } from '../wire/error.ts';
import { errno } from './ffi.ts';

// Some numbers have two names; the first of each (EAGAIN, not EWOULDBLOCK) is the usual one, so it is set last.
const NAME_OF_ERRNO: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno)
    .toReversed()
    .map(([name, number]) => [number, name] as const),
);

/** Name of an errno number (`2` -> `ENOENT`), or `errno <n>` for one that Node does not know. */
export function errnoName(number: number): string {
  return NAME_OF_ERRNO.get(number) ?? `errno ${number}`;
}

/**
 * Error of a failed system call.
 * @param call what was tried, such as `mount`.
 * @param number the errno.
 * @param detail what it was tried on, such as a path; put into the message.
 */
export function errnoError(call: string, number: number, detail = ''): KataError {
  const name = errnoName(number);
  return new KataError('ERR_SYSCALL', detail === '' ? `${call}: ${name}` : `${call} ${detail}: ${name}`, {
    errno: name,
  });
}

/**
 * Checks the result of a libc call that answers -1 on failure. Must be the first thing after the call.
 * @returns `result` where it is not negative.
 * @throws KataError ERR_SYSCALL with the errno's name.
 */
export function check<T extends number | bigint>(call: string, result: T, detail = ''): T {
  if (result < 0) throw errnoError(call, errno(), detail);
  return result;
}
