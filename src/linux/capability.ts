/**
 * Capabilities of the calling thread; capabilities(7). They are a thread's own, and so is what a child is born with. All
 * calls here are raw ones: libc's wrappers of other credentials change every thread.
 */
import { Buffer } from 'node:buffer';
import { errnoError, errnoName } from './errno.ts';
import { errno, libc } from './ffi.ts';
import { syscallNumber } from './syscall.ts';

const native = libc({
  // SAFETY: variadic; prctl reads five unsigned longs, and all are passed. None of the options used here takes a pointer.
  prctl: { arguments: ['int32', 'uint64', 'uint64', 'uint64', 'uint64'], return: 'int32' },
  // SAFETY: capget and capset(header, data): 8 and 24 bytes, which the buffers have.
  syscall: { arguments: ['int64', 'buffer', 'buffer'], return: 'int64' },
});

/** Names without `CAP_`, in the order of their numbers (linux/capability.h). */
export const CAPABILITY_NAMES = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_PACCT',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TIME',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
  'MAC_OVERRIDE',
  'MAC_ADMIN',
  'SYSLOG',
  'WAKE_ALARM',
  'BLOCK_SUSPEND',
  'AUDIT_READ',
  'PERFMON',
  'BPF',
  'CHECKPOINT_RESTORE',
] as const;

const BIT_OF_NAME: ReadonlyMap<string, bigint> = new Map(
  CAPABILITY_NAMES.map((name, number) => [`CAP_${name}`, 1n << BigInt(number)] as const),
);

/** Reads and searches whatever permissions forbid. */
export const CAP_DAC_READ_SEARCH = 1n << 2n;

// linux/capability.h: version 3 of the interface has two words of 32 bits for each set, first the low ones of all three.
const CAPABILITY_VERSION_3 = 0x2008_0522;
const HEADER_BYTES = 8;
const DATA_BYTES = 24;
const EFFECTIVE_AT = 0;
const PERMITTED_AT = 4;
const INHERITABLE_AT = 8;
const HIGH_AT = 12;
const WORD = 0xffff_ffffn;
const WORD_BITS = 32n;
const HIGHEST_BIT = 63;

// linux/prctl.h
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2n;
const PR_CAP_AMBIENT_CLEAR_ALL = 4n;

/**
 * The set as bits.
 * @param names such as `CAP_CHOWN`.
 * @returns undefined where one is unknown.
 */
export function capabilityMask(names: readonly string[]): bigint | undefined {
  let mask = 0n;
  for (const name of names) {
    const bit = BIT_OF_NAME.get(name);
    if (bit === undefined) return undefined;
    mask |= bit;
  }
  return mask;
}

function checkedPrctl(name: string, option: number, first: bigint, second = 0n): void {
  if (native.prctl(option, first, second, 0n, 0n) < 0) throw errnoError(`prctl ${name}`, errno(), `${first}`);
}

/**
 * Takes everything but `kept` out of the thread's bounding set, for ever.
 * @throws KataError ERR_SYSCALL: EPERM without CAP_SETPCAP.
 */
export function limitBoundingSet(kept: bigint): void {
  for (let number = 0; number <= HIGHEST_BIT; number += 1) {
    // The first number that the kernel does not know ends the list; kernels differ in where that is.
    if (native.prctl(PR_CAPBSET_READ, BigInt(number), 0n, 0n, 0n) < 0 && errnoName(errno()) === 'EINVAL') return;
    if ((kept & (1n << BigInt(number))) === 0n) checkedPrctl('PR_CAPBSET_DROP', PR_CAPBSET_DROP, BigInt(number));
  }
}

/** An exec gives the thread's children no rights beyond its own from now on (set-uid programs, file capabilities). */
export function setNoNewPrivileges(): void {
  checkedPrctl('PR_SET_NO_NEW_PRIVS', PR_SET_NO_NEW_PRIVS, 1n);
}

/** Three of a thread's sets, as bits; capget(2). */
export interface CapabilitySets {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
}

function header(): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32LE(CAPABILITY_VERSION_3, 0);
  return bytes;
}

/** The thread's capabilities. @throws KataError ERR_SYSCALL, which the kernel has no case for. */
export function getCapabilities(): CapabilitySets {
  const data = Buffer.alloc(DATA_BYTES);
  if (native.syscall(syscallNumber('capget'), header(), data) < 0n) throw errnoError('capget', errno());
  const set = (at: number): bigint =>
    BigInt(data.readUInt32LE(at)) | (BigInt(data.readUInt32LE(at + HIGH_AT)) << WORD_BITS);
  return { effective: set(EFFECTIVE_AT), permitted: set(PERMITTED_AT), inheritable: set(INHERITABLE_AT) };
}

/**
 * Sets the thread's capabilities.
 * @throws KataError ERR_SYSCALL: EPERM where permitted grows, effective exceeds permitted, or inheritable exceeds the
 *   bounding set.
 */
export function setCapabilities(sets: CapabilitySets): void {
  const data = Buffer.alloc(DATA_BYTES);
  const write = (at: number, set: bigint): void => {
    data.writeUInt32LE(Number(set & WORD), at);
    data.writeUInt32LE(Number((set >> WORD_BITS) & WORD), at + HIGH_AT);
  };
  write(EFFECTIVE_AT, sets.effective);
  write(PERMITTED_AT, sets.permitted);
  write(INHERITABLE_AT, sets.inheritable);
  if (native.syscall(syscallNumber('capset'), header(), data) < 0n) throw errnoError('capset', errno());
}

/**
 * Sets the capabilities that a program without privileges of its own keeps across an exec.
 * @throws KataError ERR_SYSCALL: EPERM for one that is not both permitted and inheritable.
 */
export function setAmbientCapabilities(mask: bigint): void {
  checkedPrctl('PR_CAP_AMBIENT', PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
  for (let number = 0; number <= HIGHEST_BIT; number += 1) {
    if ((mask & (1n << BigInt(number))) === 0n) continue;
    checkedPrctl('PR_CAP_AMBIENT', PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, BigInt(number));
  }
}
