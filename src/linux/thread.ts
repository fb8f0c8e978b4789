/** What a thread has for itself. */
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: no arguments.
  gettid: { arguments: [], return: 'int32' },
  // SAFETY: a plain number.
  umask: { arguments: ['uint32'], return: 'uint32' },
});

/** Number of the calling thread, as in /proc/self/task. */
export function threadId(): number {
  return native.gettid();
}

/**
 * Sets which permissions new files lack: of the calling thread alone where it has its own file-system attributes
 * (unshare with CLONE_FS), else of all. Node refuses this in a Worker, where it would be a surprise.
 */
export function setUmask(mask: number): void {
  native.umask(mask);
}
