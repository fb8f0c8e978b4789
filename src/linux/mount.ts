/** mount(2) and umount2(2). */
import { type Bytes, cString, printable } from './cstring.ts';
import { check } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: all strings are NUL-terminated and only read during the call; data may be NULL.
  mount: { arguments: ['buffer', 'buffer', 'buffer', 'uint64', 'buffer'], return: 'int32' },
  // SAFETY: the path is NUL-terminated and only read during the call.
  umount2: { arguments: ['buffer', 'int32'], return: 'int32' },
});

// linux/mount.h
export const MS_RDONLY = 0x1;
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_NOEXEC = 0x8;
export const MS_SYNCHRONOUS = 0x10;
export const MS_REMOUNT = 0x20;
export const MS_DIRSYNC = 0x80;
export const MS_NOATIME = 0x400;
export const MS_NODIRATIME = 0x800;
export const MS_BIND = 0x1000;
export const MS_RELATIME = 0x200000;
export const MS_STRICTATIME = 0x1000000;
// sys/mount.h
export const MNT_DETACH = 0x2;
export const UMOUNT_NOFOLLOW = 0x8;

/** One mount. */
export interface MountOptions {
  readonly source: Bytes;
  readonly target: Bytes;
  /** File system type; empty for a bind, a move or a change of propagation. */
  readonly fstype: string;
  /** MS_* bits. */
  readonly flags: number;
  /** Options of the file system itself, separated by commas. */
  readonly data?: Bytes;
}

/**
 * Mounts in the caller's mount namespace. Blocks the calling thread: not for a share or a block device, which can hang.
 * @throws KataError ERR_SYSCALL with mount(2)'s errno, naming type, source and target.
 */
export function mount(options: MountOptions): void {
  const { source, target, fstype, flags, data } = options;
  const result = native.mount(
    cString('mount source', source),
    cString('mount target', target),
    cString('mount type', fstype),
    BigInt(flags),
    data === undefined ? null : cString('mount data', data),
  );
  check('mount', result, `${fstype === '' ? 'bind' : fstype} ${printable(source)} on ${printable(target)}`);
}

/**
 * Unmounts. Without MNT_DETACH it may block on a share or a device that does not answer.
 * @param flags MNT_* and UMOUNT_* bits.
 * @throws KataError ERR_SYSCALL: EINVAL where nothing is mounted there, EBUSY where it is in use.
 */
export function umount2(target: Bytes, flags: number): void {
  check('umount2', native.umount2(cString('umount target', target), flags), printable(target));
}
