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
/** Root, working directory and umask. A thread that shares them with others may not change its mount namespace. */
export const CLONE_FS = 0x00000200;
export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWCGROUP = 0x02000000;
export const CLONE_NEWUTS = 0x04000000;
export const CLONE_NEWIPC = 0x08000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;

/**
 * Gives the calling thread namespaces, or file-system attributes, of its own.
 * @param flags CLONE_NEW* bits, CLONE_FS.
 * @throws KataError ERR_SYSCALL: EPERM without CAP_SYS_ADMIN, EINVAL for a kind that needs a single
 *   thread.
 */
export function unshare(flags: number): void {
  check('unshare', native.unshare(flags), `0x${flags.toString(16)}`);
}

/**
 * Moves the calling thread into the namespace behind `fd`, or into those of a process. A pid namespace is that of children
 * only. With a mount namespace come its root as the thread's root and working directory.
 * @param fd of a namespace, or of a process (pidfd_open(2)).
 * @param kinds the CLONE_NEW* bit that the namespace must be of, 0 for any; of a process, all that are to be joined.
 * @throws KataError ERR_SYSCALL: EINVAL where it is of another kind, EPERM, ESRCH where the process has ended.
 */
export function setns(fd: number, kinds: number): void {
  check('setns', native.setns(fd, kinds), `0x${kinds.toString(16)}`);
}
