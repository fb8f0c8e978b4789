/** Standard input of this program, as far as a program elsewhere takes it. */
import type { Readable } from 'node:stream';

/** Lets go of standard input, which would keep this program alive; what was not read of it stays for others. */
export function releaseInput(input: Readable = process.stdin): void {
  input.unpipe();
  input.pause();
  // A terminal or pipe whose read is pending counts as work; a file has no such method.
  if ('unref' in input && typeof input.unref === 'function') input.unref();
}
