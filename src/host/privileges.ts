/** What the harness must be allowed to do. */
import { readFileSync } from 'node:fs';

/** Bit of CAP_SYS_ADMIN in a capability set (linux/capability.h). */
const CAP_SYS_ADMIN = 1n << 21n;

/** Whether this process may mount, as the share of a sandbox demands (mount(2): CAP_SYS_ADMIN). */
export function mayMount(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${effective}`) & CAP_SYS_ADMIN) !== 0n;
}
