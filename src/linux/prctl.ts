/** Attributes of the whole process; prctl(2). */
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: variadic; the kernel reads five unsigned longs, and all are passed; on x86-64 and arm64 they travel as
  // declared ones do. None of the options used here takes a pointer.
  prctl: { arguments: ['int32', 'uint64', 'uint64', 'uint64', 'uint64'], return: 'int32' },
});

// linux/prctl.h
const PR_SET_DUMPABLE = 4;
const PR_SET_CHILD_SUBREAPER = 36;

/**
 * Orphaned descendants become our children, so that their exit status reaches us. PID 1 has this anyway.
 * @throws KataError ERR_SYSCALL, which the kernel has no case for.
 */
export function setChildSubreaper(): void {
  check('prctl PR_SET_CHILD_SUBREAPER', native.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n));
}

/**
 * Closes /proc/PID/mem and ptrace to processes without CAP_SYS_PTRACE: a child that still shares our memory before
 * its exec must not be looked into from a container. An exec sets it back.
 * @throws KataError ERR_SYSCALL, which the kernel has no case for.
 */
export function setUndumpable(): void {
  check('prctl PR_SET_DUMPABLE', native.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n));
}
