/** Whether a link takes IPv6. */
import { readFileSync } from 'node:fs';
import { hasErrno } from '../../wire/error.ts';

/**
 * Whether IPv6 is off for a link: the kernel then refuses addresses and routes with EACCES. `all` and `default` count as
 * far as they came into the link's own switch.
 * @param name of a link that is there.
 */
export function isIpv6Off(name: string): boolean {
  try {
    return readFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, 'utf8').trim() !== '0';
  } catch (error) {
    // A kernel without IPv6.
    if (hasErrno(error, 'ENOENT')) return true;
    throw error;
  }
}
