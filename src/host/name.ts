/** Names of sandboxes and containers. They become file names, a process name and cgroup names. */
import { randomBytes } from 'node:crypto';
import { KataError } from '../wire/error.ts';

/** Longer names would push the sockets of a sandbox over the 107 bytes of a Unix socket's path (unix(7)). */
export const NAME_MAX_LENGTH = 64;
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * Checks a name that a user gave.
 * @param what the kind of thing, for the message: `sandbox` or `container`.
 * @throws KataError ERR_INVALID_ARGUMENT, naming the value and the rule.
 */
export function checkName(what: string, name: string): string {
  if (name.length > NAME_MAX_LENGTH || !NAME.test(name)) {
    throw new KataError(
      'ERR_INVALID_ARGUMENT',
      `${what} name ${JSON.stringify(name)}: want 1 to ${NAME_MAX_LENGTH} of letters, digits, "_", "." and "-", a letter or digit first`,
    );
  }
  return name;
}

/** A name that no other sandbox has: `kata-` and 12 hex digits. */
export function randomName(): string {
  return `kata-${randomBytes(6).toString('hex')}`;
}
