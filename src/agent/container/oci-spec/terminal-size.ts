/** Sizes of terminals in requests. */
import type { TerminalSize } from '../../exec/starter.ts';
import { badField } from './bad-field.ts';

/** The kernel keeps each in 16 bits (struct winsize, ioctl_tty(2)). */
const MAX = 0xffff;

/**
 * Checks a size.
 * @param field of the request, for the message.
 * @throws KataError (INTERNAL on the wire) for what the kernel cannot hold.
 */
export function checkTerminalSize(field: string, size: TerminalSize): TerminalSize {
  for (const [name, value] of Object.entries(size)) {
    if (value > MAX) throw badField(`${field} ${name}`, value, `is above ${MAX}`);
  }
  return size;
}
