/** Descriptors of processes: unlike a number, one never comes to mean another process; pidfd_open(2). */
import { check } from './errno.ts';
import { libc } from './ffi.ts';
import { syscallNumber } from './syscall.ts';

const native = libc({
  // SAFETY: pidfd_open takes two plain numbers.
  syscall: { arguments: ['int64', 'int64', 'uint64'], return: 'int64' },
});

/**
 * Opens a process.
 * @returns a descriptor that the caller closes; the kernel sets close-on-exec.
 * @throws KataError ERR_SYSCALL: ESRCH where there is none.
 */
export function openProcess(pid: number): number {
  return Number(check('pidfd_open', native.syscall(syscallNumber('pidfd_open'), BigInt(pid), 0n), `${pid}`));
}
