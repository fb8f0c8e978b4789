/**
 * Namespaces of the calling thread. Node has several threads, and these calls change one: only UTS and IPC, which
 * are looked at by the thread that makes the call, are of use on the main thread.
 */
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: a plain number.
  unshare: { arguments: ['int32'], return: 'int32' },
  // SAFETY: plain numbers.
  setns: { arguments: ['int32', 'int32'], return: 'int32' },
});

// linux/sched.h
export const CLONE_NEWUTS = 0x04000000;
export const CLONE_NEWIPC = 0x08000000;

/**
 * Gives the calling thread namespaces of its own.
 * @param flags CLONE_NEW* bits.
 * @throws KataError ERR_SYSCALL: EPERM without CAP_SYS_ADMIN, EINVAL for a kind that needs a single
 *   thread.
 */
export function unshare(flags: number): void {
  check('unshare', native.unshare(flags), `0x${flags.toString(16)}`);
}

/**
 * Moves the calling thread into the namespace behind `fd`.
 * @param kind the CLONE_NEW* bit that it must be of, 0 for any.
 * @throws KataError ERR_SYSCALL: EINVAL where it is of another kind, EPERM.
 */
export function setns(fd: number, kind: number): void {
  check('setns', native.setns(fd, kind), `0x${kind.toString(16)}`);
}
