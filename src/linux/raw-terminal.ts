/** The terminal in front of a user: raw mode and back, and its size; ioctl_tty(2), termios(3). */
import { Buffer } from 'node:buffer';
import { check } from './errno.ts';
import { libc } from './ffi.ts';
import type { WindowSize } from './terminal.ts';

const native = libc({
  // SAFETY: each request used here reads or writes no more than the buffer holds (a struct winsize or a struct
  // termios); variadic, passed as if declared on x86-64 and arm64.
  ioctl: { arguments: ['int32', 'uint64', 'buffer'], return: 'int32' },
});

// asm-generic/ioctls.h; the numbers of x86-64 and arm64 are the same.
const TCGETS = 0x5401n;
/** Sets at once what TCSETSW sets after the output has drained, which a stopped terminal never does. */
const TCSETS = 0x5402n;
const TIOCGWINSZ = 0x5413n;

/** struct winsize: rows, columns and two sizes in pixels, 16 bits each. */
const WINSIZE_BYTES = 8;

// struct termios of the kernel (asm-generic/termbits.h): four 32-bit flag words, the line discipline, 19 characters.
const TERMIOS_BYTES = 36;
const INPUT_FLAGS_AT = 0;
const OUTPUT_FLAGS_AT = 4;
const CONTROL_FLAGS_AT = 8;
const LOCAL_FLAGS_AT = 12;
const CHARACTERS_AT = 17;
const VTIME = 5;
const VMIN = 6;

/** What cfmakeraw(3) clears: IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON. */
const RAW_INPUT_CLEARS = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
/** OPOST: a program that has its own terminal has translated its line ends already. */
const RAW_OUTPUT_CLEARS = 0o1;
/** ISIG ICANON ECHO ECHONL IEXTEN. */
const RAW_LOCAL_CLEARS = 0o1 | 0o2 | 0o10 | 0o100 | 0o100000;
/** CSIZE PARENB. */
const RAW_CONTROL_CLEARS = 0o60 | 0o400;
const CS8 = 0o60;

/**
 * Puts a terminal into raw mode, as cfmakeraw(3) does: every key arrives as it is, and nothing of the output is changed.
 * @returns a function that brings the former mode back; it may be called at any time, in an `exit` handler too, and more
 *   than once. A terminal that has gone meanwhile is no error.
 * @throws KataError ERR_SYSCALL: ENOTTY where `fd` is no terminal.
 */
export function makeRaw(fd: number): () => void {
  const before = Buffer.alloc(TERMIOS_BYTES);
  check('ioctl TCGETS', native.ioctl(fd, TCGETS, before), `of descriptor ${fd}`);
  const raw = Buffer.from(before);
  clear(raw, INPUT_FLAGS_AT, RAW_INPUT_CLEARS);
  clear(raw, OUTPUT_FLAGS_AT, RAW_OUTPUT_CLEARS);
  clear(raw, CONTROL_FLAGS_AT, RAW_CONTROL_CLEARS, CS8);
  clear(raw, LOCAL_FLAGS_AT, RAW_LOCAL_CLEARS);
  raw.writeUInt8(0, CHARACTERS_AT + VTIME);
  raw.writeUInt8(1, CHARACTERS_AT + VMIN);
  check('ioctl TCSETS', native.ioctl(fd, TCSETS, raw), `of descriptor ${fd}`);
  return () => void native.ioctl(fd, TCSETS, before);
}

/**
 * Size of a terminal.
 * @throws KataError ERR_SYSCALL: ENOTTY where `fd` is no terminal.
 */
export function terminalSize(fd: number): WindowSize {
  const bytes = Buffer.alloc(WINSIZE_BYTES);
  check('ioctl TIOCGWINSZ', native.ioctl(fd, TIOCGWINSZ, bytes), `of descriptor ${fd}`);
  return { rows: bytes.readUInt16LE(0), columns: bytes.readUInt16LE(2) };
}

function clear(termios: Buffer, at: number, flags: number, set = 0): void {
  termios.writeUInt32LE(((termios.readUInt32LE(at) & ~flags) | set) >>> 0, at);
}
