/** Exit statuses of children. */
import { Buffer } from 'node:buffer';
import { errnoError, errnoName } from './errno.ts';
import { errno, libc } from './ffi.ts';

const native = libc({
  // SAFETY: writes one int into the buffer, which has 4 bytes.
  waitpid: { arguments: ['int32', 'buffer', 'int32'], return: 'int32' },
});

// bits/waitflags.h. __WALL: children made by clone without SIGCHLD as their exit signal count too.
const WNOHANG = 1;
const __WALL = 0x40000000;
const ANY_CHILD = -1;

/** Shells report death by signal n as 128 + n; so do we. */
const SIGNAL_EXIT_BASE = 128;

/** How a process ended. */
export type ExitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly signal: number };

/** Decodes the status word of wait(2): the low seven bits are the signal, the next byte of an exit is the code. */
export function decodeStatus(word: number): ExitStatus {
  const signal = word & 0x7f;
  return signal === 0 ? { kind: 'exited', code: (word >> 8) & 0xff } : { kind: 'signaled', signal };
}

/** The status as one number: the exit code, or 128 + signal. */
export function exitCode(status: ExitStatus): number {
  return status.kind === 'exited' ? status.code : SIGNAL_EXIT_BASE + status.signal;
}

/**
 * Collects the exit status of one ended child, whichever it is, without waiting.
 * @returns undefined where no child has ended, or there is none.
 * @throws KataError ERR_SYSCALL on what waitpid(2) should never answer here.
 */
export function waitAny(): { readonly pid: number; readonly status: ExitStatus } | undefined {
  const word = Buffer.alloc(4);
  const pid = native.waitpid(ANY_CHILD, word, WNOHANG | __WALL);
  if (pid < 0) {
    const number = errno();
    if (errnoName(number) === 'ECHILD') return undefined;
    throw errnoError('waitpid', number);
  }
  return pid === 0 ? undefined : { pid, status: decodeStatus(word.readInt32LE(0)) };
}
