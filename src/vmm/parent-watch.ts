/**
 * Tells when the process that started us has gone. PR_SET_PDEATHSIG would not do: it is about the parent's thread, and a
 * shim that entered a network namespace to start us throws that thread away.
 */
import { openProcess } from '../linux/pidfd.ts';
import { watchReadable } from '../linux/readiness.ts';
import { hasErrno } from '../wire/error.ts';

/**
 * Watches our parent.
 * @param onGone called once; at once where it went while we looked.
 */
export function watchParent(onGone: () => void): void {
  const parent = process.ppid;
  let fd: number;
  try {
    fd = openProcess(parent);
  } catch (error) {
    // It has ended and was collected.
    if (!hasErrno(error, 'ESRCH')) throw error;
    onGone();
    return;
  }
  // A pidfd can be read, so to say, from the end of its process on; pidfd_open(2).
  const watch = watchReadable(fd, () => {
    watch.close();
    onGone();
  });
  // We may have been given to another parent before the descriptor was open, which then means that one.
  if (process.ppid !== parent) {
    watch.close();
    onGone();
  }
}
