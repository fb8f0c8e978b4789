/**
 * User and groups of the calling thread alone: raw system calls, since libc's functions of the same names change every
 * thread of the process; credentials(7), "nptl".
 */
import { Buffer } from 'node:buffer';
import { errnoError } from './errno.ts';
import { errno, libc } from './ffi.ts';
import { syscallNumber } from './syscall.ts';

const nativeGroups = libc({
  // SAFETY: setgroups(count, list); the kernel reads four bytes a group, which the buffer has.
  syscall: { arguments: ['int64', 'uint64', 'buffer'], return: 'int64' },
});
const nativeIds = libc({
  // SAFETY: setresuid and setresgid take three plain numbers.
  syscall: { arguments: ['int64', 'uint64', 'uint64', 'uint64'], return: 'int64' },
});

const GROUP_BYTES = 4;
const ROOT = 0;

function setGroups(groups: readonly number[]): void {
  const list = Buffer.alloc(Math.max(1, groups.length) * GROUP_BYTES);
  for (const [index, group] of groups.entries()) list.writeUInt32LE(group, index * GROUP_BYTES);
  const result = nativeGroups.syscall(syscallNumber('setgroups'), BigInt(groups.length), list);
  if (result < 0n) throw errnoError('setgroups', errno(), groups.join(' '));
}

function setIds(call: 'setresuid' | 'setresgid', id: number): void {
  // The saved id stays root's, which is the way back; an exec makes it the effective one.
  const result = nativeIds.syscall(syscallNumber(call), BigInt(id), BigInt(id), BigInt(ROOT));
  if (result < 0n) throw errnoError(call, errno(), `${id}`);
}

/** A user as the kernel knows one. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
}

/**
 * Makes the thread act as `identity`. Another user than root has no effective capability then; becoming root again
 * brings them back.
 * @throws KataError ERR_SYSCALL: EINVAL for a number that is none, EAGAIN.
 */
export function becomeUser(identity: Identity): void {
  // Groups first and the user last: whoever is not root may change neither.
  setGroups(identity.groups);
  setIds('setresgid', identity.gid);
  setIds('setresuid', identity.uid);
}

/** Makes the thread act as root again. @throws KataError ERR_SYSCALL, which the kernel has no case for. */
export function becomeRoot(): void {
  setIds('setresuid', ROOT);
  setIds('setresgid', ROOT);
  setGroups([]);
}
