/** Looking files up from a directory's descriptor, or with rules for the way there. */
import { Buffer } from 'node:buffer';
import { type Bytes, cString, printable } from './cstring.ts';
import { errnoError } from './errno.ts';
import { errno, libc } from './ffi.ts';
import { syscallNumber } from './syscall.ts';

const native = libc({
  // SAFETY: the path is NUL-terminated; the mode, an int in the variadic part, is passed though no file is made here.
  openat: { arguments: ['int32', 'buffer', 'int32', 'uint32'], return: 'int32' },
  // SAFETY: the path is NUL-terminated.
  faccessat: { arguments: ['int32', 'buffer', 'int32', 'int32'], return: 'int32' },
  // SAFETY: openat2(dirfd, path, how, size): the path is NUL-terminated, `how` has the size that is given.
  syscall: { arguments: ['int64', 'int64', 'buffer', 'buffer', 'uint64'], return: 'int64' },
});

// asm-generic/fcntl.h; numbers that node:fs does not have, or has as those of the machine that it was built on.
export const O_PATH = 0o10000000;
export const O_NOCTTY = 0o400;

/** Paths that are not absolute begin at the calling thread's working directory (fcntl.h). */
export const AT_FDCWD = -100;

// linux/openat2.h: rules for the way to a file.
/** No way leads to another mount. */
export const RESOLVE_NO_XDEV = 0x01n;
/** No link of /proc is followed. */
export const RESOLVE_NO_MAGICLINKS = 0x02n;
/** No symbolic link is followed at all. */
export const RESOLVE_NO_SYMLINKS = 0x04n;
/** Absolute links and `..` begin and end at the directory, as after a chroot. */
export const RESOLVE_IN_ROOT = 0x10n;
const HOW_BYTES = 24;
const HOW_RESOLVE_AT = 16;

/** A rename elsewhere can disturb a look-up with `..` in it, which then says EAGAIN (openat2(2)); so often it is tried. */
const DISTURBED_TRIES = 64;

// unistd.h
const X_OK = 1;

/**
 * Opens a file that exists.
 * @param directory descriptor where a relative path begins; AT_FDCWD for the working directory.
 * @throws KataError ERR_SYSCALL, such as ENOENT.
 */
export function openAt(directory: number, path: Bytes, flags: number): number {
  const fd = native.openat(directory, cString('path', path), flags, 0);
  if (fd < 0) throw errnoError('open', errno(), printable(path));
  return fd;
}

/**
 * Opens a file that exists, with rules for the way there (openat2(2)).
 * @param directory descriptor where a relative path begins; the root where RESOLVE_IN_ROOT is among the rules.
 * @param rules RESOLVE_* bits.
 * @throws KataError ERR_SYSCALL: ELOOP for a link, EXDEV for a mount that the rules do not allow; ENOENT, ...
 */
export function openByRules(directory: number, path: Bytes, flags: number, rules: bigint): number {
  const how = Buffer.alloc(HOW_BYTES);
  how.writeBigUInt64LE(BigInt(flags), 0);
  how.writeBigUInt64LE(rules, HOW_RESOLVE_AT);
  const name = cString('path', path);
  for (let tries = 1; ; tries += 1) {
    const fd = native.syscall(syscallNumber('openat2'), BigInt(directory), name, how, BigInt(HOW_BYTES));
    if (fd >= 0n) return Number(fd);
    const error = errnoError('openat2', errno(), printable(path));
    if (error.errno !== 'EAGAIN' || tries === DISTURBED_TRIES) throw error;
  }
}

/**
 * Opens a file, following no link of /proc to a place outside the tree (RESOLVE_NO_MAGICLINKS): the path is someone
 * else's to arrange.
 * @throws KataError ERR_SYSCALL: ELOOP where there is such a link.
 */
export function openWithoutMagicLinks(path: Bytes, flags: number): number {
  return openByRules(AT_FDCWD, path, flags, RESOLVE_NO_MAGICLINKS);
}

/**
 * Whether the thread's real user may execute a file, or search a directory.
 * @returns undefined where it may, else the errno's number.
 */
export function executableAt(directory: number, path: Bytes): number | undefined {
  return native.faccessat(directory, cString('path', path), X_OK, 0) < 0 ? errno() : undefined;
}
