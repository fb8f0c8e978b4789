/** Pseudo-terminals by their master side; ioctl_tty(2), pty(7). */
import { Buffer } from 'node:buffer';
import { check } from './errno.ts';
import { libc } from './ffi.ts';
import { O_CLOEXEC } from './pipe.ts';

const native = libc({
  // SAFETY: each request used here reads or writes no more than the buffer holds (an int, a struct winsize, a struct
  // termios); variadic, passed as if declared on x86-64 and arm64.
  ioctl: { arguments: ['int32', 'uint64', 'buffer'], return: 'int32' },
});
const nativeByValue = libc({
  // SAFETY: TIOCGPTPEER takes open flags as an int, not an address; variadic, passed as if declared.
  ioctl: { arguments: ['int32', 'uint64', 'int32'], return: 'int32' },
});

// asm-generic/ioctls.h; the numbers of x86-64 and arm64 are the same.
const TCGETS = 0x5401n;
const TIOCSWINSZ = 0x5414n;
const TIOCSPTLCK = 0x4004_5431n;
const TIOCGPTN = 0x8004_5430n;
const TIOCGPTPEER = 0x5441n;

// asm-generic/fcntl.h
const O_RDWR = 2;
const O_NOCTTY = 0o400;

/** Rows and columns; the two sizes in pixels are left at 0, which means unknown. */
const WINSIZE_BYTES = 8;

// struct termios of the kernel (asm-generic/termbits.h): four 32-bit flag words, the line discipline, 19 characters.
const TERMIOS_BYTES = 36;
const LOCAL_FLAGS_AT = 12;
const CHARACTERS_AT = 17;
const ICANON = 0o2;
const VEOF = 4;

/** Size of a terminal in characters; each 0 to 65,535, where 0 means unknown. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** How a terminal takes its input. */
export interface InputMode {
  /** Line by line, with editing keys; false where a program reads single keys ("raw"). */
  readonly canonical: boolean;
  /** The key that ends the input (`stty eof`); undefined where none does. */
  readonly endOfFile: number | undefined;
}

/**
 * Allows the other side to be opened. A new master's is locked.
 * @param master descriptor of a terminal's master.
 * @throws KataError ERR_SYSCALL: ENOTTY where it is no terminal.
 */
export function unlockTerminal(master: number): void {
  check('ioctl TIOCSPTLCK', native.ioctl(master, TIOCSPTLCK, Buffer.alloc(4)), `of descriptor ${master}`);
}

/**
 * The number of a terminal: its other side is `pts/<number>` in the devpts of its master.
 * @throws KataError ERR_SYSCALL: ENOTTY where it is no master.
 */
export function terminalNumber(master: number): number {
  const number = Buffer.alloc(4);
  check('ioctl TIOCGPTN', native.ioctl(master, TIOCGPTN, number), `of descriptor ${master}`);
  return number.readUInt32LE(0);
}

/**
 * Opens the other side of a terminal without its path, which may be in another mount namespace, or be covered by
 * something else. It does not become our controlling terminal.
 * @returns a descriptor that the caller owns, closed by an exec.
 * @throws KataError ERR_SYSCALL: EIO where the terminal is locked, ENOTTY where it is no master.
 */
export function openTerminalPeer(master: number): number {
  const flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  return check('ioctl TIOCGPTPEER', nativeByValue.ioctl(master, TIOCGPTPEER, flags), `of descriptor ${master}`);
}

/**
 * Sets the size of a terminal, by either side. Where it changes, its foreground process group gets SIGWINCH.
 * @throws KataError ERR_SYSCALL: ENOTTY where it is no terminal. RangeError for a size that the kernel cannot hold.
 */
export function setTerminalSize(fd: number, size: WindowSize): void {
  const bytes = Buffer.alloc(WINSIZE_BYTES);
  bytes.writeUInt16LE(size.rows, 0);
  bytes.writeUInt16LE(size.columns, 2);
  check('ioctl TIOCSWINSZ', native.ioctl(fd, TIOCSWINSZ, bytes), `of descriptor ${fd}`);
}

/**
 * Reads how a terminal takes its input, by either side.
 * @throws KataError ERR_SYSCALL: ENOTTY where it is no terminal.
 */
export function terminalInputMode(fd: number): InputMode {
  const termios = Buffer.alloc(TERMIOS_BYTES);
  check('ioctl TCGETS', native.ioctl(fd, TCGETS, termios), `of descriptor ${fd}`);
  // A character of 0 is disabled (_POSIX_VDISABLE).
  const key = termios.readUInt8(CHARACTERS_AT + VEOF);
  return {
    canonical: (termios.readUInt32LE(LOCAL_FLAGS_AT) & ICANON) !== 0,
    endOfFile: key === 0 ? undefined : key,
  };
}
