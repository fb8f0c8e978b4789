/** Sessions and the controlling terminal. */
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: no arguments.
  setsid: { arguments: [], return: 'int32' },
  // SAFETY: TIOCSCTTY takes an int; variadic, passed as if declared on x86-64 and arm64.
  ioctl: { arguments: ['int32', 'uint64', 'int32'], return: 'int32' },
});

// asm-generic/ioctls.h
const TIOCSCTTY = 0x540en;
/** Take the terminal even from a session that has it; ioctl_tty(2). */
const STEAL = 1;

/**
 * Makes the process the leader of a new session.
 * @returns the session id.
 * @throws KataError ERR_SYSCALL: EPERM where it leads a process group already.
 */
export function setsid(): number {
  return check('setsid', native.setsid());
}

/**
 * Makes the terminal behind `fd` the controlling one of our session.
 * @throws KataError ERR_SYSCALL: ENOTTY where it is no terminal, EPERM where we lead no session.
 */
export function setControllingTerminal(fd: number): void {
  check('ioctl TIOCSCTTY', native.ioctl(fd, TIOCSCTTY, STEAL), `of descriptor ${fd}`);
}
