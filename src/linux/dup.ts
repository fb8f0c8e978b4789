/** Copies of descriptors; dup(2). */
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: plain numbers.
  dup2: { arguments: ['int32', 'int32'], return: 'int32' },
});

/**
 * Makes `target` another name of what `fd` names; what it named before is closed. It is not closed by an exec.
 * @throws KataError ERR_SYSCALL: EBADF.
 */
export function duplicateTo(fd: number, target: number): void {
  check('dup2', native.dup2(fd, target), `of ${fd} to ${target}`);
}
