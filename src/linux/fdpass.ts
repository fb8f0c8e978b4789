/** Descriptors sent over Unix sockets: recvmsg and sendmsg with SCM_RIGHTS; unix(7), cmsg(3). */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { KataError } from '../wire/error.ts';
import { check, errnoError } from './errno.ts';
import { addressOf, errno, libc } from './ffi.ts';
import { SOL_SOCKET } from './socket-constants.ts';

const native = libc({
  // SAFETY: the buffer is a struct msghdr whose pointers lead into buffers that stay reachable during the call.
  recvmsg: { arguments: ['int32', 'buffer', 'int32'], return: 'int64' },
  // SAFETY: as for recvmsg; the kernel only reads.
  sendmsg: { arguments: ['int32', 'buffer', 'int32'], return: 'int64' },
  // SAFETY: plain numbers; F_DUPFD_CLOEXEC takes an int in the variadic part, which x86-64 passes as a declared one.
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
});

// sys/socket.h, fcntl.h
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const F_DUPFD_CLOEXEC = 1030;

/** Descriptors that one message may carry: a vhost-user memory table has 8, one more than that is refused anyway. */
const FDS_MAX = 16;
const FD_BYTES = 4;

// Layout on 64-bit Linux of struct msghdr (56 bytes), struct iovec (16) and struct cmsghdr (16 and its data).
const MSG_IOV = 16;
const MSG_IOVLEN = 24;
const MSG_CONTROL = 32;
const MSG_CONTROLLEN = 40;
const MSG_FLAGS = 48;
const MSGHDR_BYTES = 56;
const IOVEC_BYTES = 16;
const CMSG_LEVEL = 8;
const CMSG_TYPE = 12;
const CMSG_DATA = 16;
const CMSG_ALIGN = 8;

const IOVEC_AT = 64;
const CONTROL_AT = 128;
const CONTROL_BYTES = CMSG_DATA + FDS_MAX * FD_BYTES;

/** The C structures of one call, in one block that V8 never moves (Buffers of up to 64 bytes may lie on its heap). */
class MessageBlock {
  readonly header: Buffer;
  readonly control: Buffer;
  // Kept so that the memory behind the addresses stays alive as long as the block.
  readonly #block = Buffer.allocUnsafeSlow(CONTROL_AT + CONTROL_BYTES).fill(0);

  constructor() {
    this.header = this.#block.subarray(0, MSGHDR_BYTES);
    this.control = this.#block.subarray(CONTROL_AT);
  }

  /** Points the message at `bytes`, and at the first `controlLength` bytes of the control part. */
  aim(bytes: Uint8Array, controlLength: number): void {
    const base = addressOf(this.#block);
    const iovec = this.#block.subarray(IOVEC_AT, IOVEC_AT + IOVEC_BYTES);
    iovec.writeBigUInt64LE(addressOf(bytes), 0);
    iovec.writeBigUInt64LE(BigInt(bytes.length), 8);
    this.header.fill(0);
    this.header.writeBigUInt64LE(base + BigInt(IOVEC_AT), MSG_IOV);
    this.header.writeBigUInt64LE(1n, MSG_IOVLEN);
    if (controlLength > 0) this.header.writeBigUInt64LE(base + BigInt(CONTROL_AT), MSG_CONTROL);
    this.header.writeBigUInt64LE(BigInt(controlLength), MSG_CONTROLLEN);
  }
}

const block = new MessageBlock();

/** What one receive gave. */
export type Received =
  /** `bytes` were put into the buffer; `fds` belong to the caller. */
  | { readonly kind: 'data'; readonly bytes: number; readonly fds: readonly number[] }
  /** Nothing to read now. */
  | { readonly kind: 'empty' }
  /** The peer has closed. */
  | { readonly kind: 'end' };

function receivedFds(): number[] {
  const fds: number[] = [];
  const length = Number(block.header.readBigUInt64LE(MSG_CONTROLLEN));
  let at = 0;
  while (at + CMSG_DATA <= length) {
    const itemLength = Number(block.control.readBigUInt64LE(at));
    if (itemLength < CMSG_DATA || at + itemLength > length) break;
    const isRights =
      block.control.readInt32LE(at + CMSG_LEVEL) === SOL_SOCKET &&
      block.control.readInt32LE(at + CMSG_TYPE) === SCM_RIGHTS;
    for (let fdAt = at + CMSG_DATA; isRights && fdAt + FD_BYTES <= at + itemLength; fdAt += FD_BYTES) {
      fds.push(block.control.readInt32LE(fdAt));
    }
    at += Math.ceil(itemLength / CMSG_ALIGN) * CMSG_ALIGN;
  }
  return fds;
}

/**
 * Reads what is there from a Unix stream socket, without waiting.
 * @param into filled from its start; must not be empty.
 * @throws KataError ERR_SYSCALL; ERR_RESOURCE_EXHAUSTED where more descriptors came than one message may carry, or than
 *   the process may have (MSG_CTRUNC): those that did arrive are closed.
 */
export function receiveWithFds(fd: number, into: Uint8Array): Received {
  block.aim(into, CONTROL_BYTES);
  const result = native.recvmsg(fd, block.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (result < 0n) {
    const number = errno();
    // Compared as numbers: EAGAIN has a second name.
    if (number === constants.errno.EAGAIN || number === constants.errno.EINTR) return { kind: 'empty' };
    throw errnoError('recvmsg', number);
  }
  const fds = receivedFds();
  if ((block.header.readInt32LE(MSG_FLAGS) & MSG_CTRUNC) !== 0) {
    for (const extra of fds) closeSync(extra);
    throw new KataError('ERR_RESOURCE_EXHAUSTED', `recvmsg: a message has more than ${FDS_MAX} descriptors`);
  }
  if (result === 0n) return { kind: 'end' };
  return { kind: 'data', bytes: Number(result), fds };
}

/**
 * Writes to a Unix stream socket, without waiting.
 * @param fds copies of these go with the first byte; at most 16. They stay the caller's.
 * @returns how many bytes were taken.
 * @throws KataError ERR_SYSCALL: EAGAIN where the peer does not read, EPIPE where it is gone.
 */
export function sendWithFds(fd: number, bytes: Uint8Array, fds: readonly number[] = []): number {
  if (fds.length > FDS_MAX) throw new KataError('ERR_INVALID_ARGUMENT', `sendmsg: ${fds.length} descriptors`);
  const controlLength = fds.length === 0 ? 0 : CMSG_DATA + fds.length * FD_BYTES;
  block.control.fill(0);
  block.control.writeBigUInt64LE(BigInt(controlLength), 0);
  block.control.writeInt32LE(SOL_SOCKET, CMSG_LEVEL);
  block.control.writeInt32LE(SCM_RIGHTS, CMSG_TYPE);
  for (const [index, item] of fds.entries()) block.control.writeInt32LE(item, CMSG_DATA + index * FD_BYTES);
  block.aim(bytes, controlLength);
  return Number(check('sendmsg', native.sendmsg(fd, block.header, MSG_DONTWAIT | MSG_NOSIGNAL)));
}

/**
 * Makes a second descriptor of the same open file, not inherited by programs that we start.
 * @throws KataError ERR_SYSCALL, such as EMFILE.
 */
export function duplicateFd(fd: number): number {
  return check('fcntl F_DUPFD_CLOEXEC', native.fcntl(fd, F_DUPFD_CLOEXEC, 0));
}
