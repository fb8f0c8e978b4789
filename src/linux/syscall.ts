/** Numbers of system calls that libc has no function for, or whose function does more than the call. */
import { KataError } from '../wire/error.ts';

/** asm/unistd_64.h of x86-64, and asm-generic/unistd.h, which arm64 uses. */
const NUMBERS = {
  setgroups: { x64: 116n, arm64: 159n },
  setresuid: { x64: 117n, arm64: 147n },
  setresgid: { x64: 119n, arm64: 149n },
  capget: { x64: 125n, arm64: 90n },
  capset: { x64: 126n, arm64: 91n },
  pidfd_open: { x64: 434n, arm64: 434n },
  openat2: { x64: 437n, arm64: 437n },
} as const;

/**
 * The number of a system call on this machine.
 * @throws KataError ERR_INTERNAL on an architecture whose numbers are not listed.
 */
export function syscallNumber(name: keyof typeof NUMBERS): bigint {
  const { arch } = process;
  if (arch !== 'x64' && arch !== 'arm64') throw new KataError('ERR_INTERNAL', `${name}: no number known on ${arch}`);
  return NUMBERS[name][arch];
}
