/** A netlink socket for the tables of links, addresses, routes and neighbours; rtnetlink(7). */
import { Buffer } from 'node:buffer';
import { closeSync } from 'node:fs';
import { KataError } from '../wire/error.ts';
import { check, errnoError, errnoName } from './errno.ts';
import { errno, libc } from './ffi.ts';
import {
  decodeMessages,
  decodeOutcome,
  encodeMessage,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
} from './netlink.ts';
import { SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './socket-constants.ts';

const native = libc({
  // SAFETY: plain numbers.
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  // SAFETY: reads an int; its length is passed.
  setsockopt: { arguments: ['int32', 'int32', 'int32', 'buffer', 'uint32'], return: 'int32' },
  // SAFETY: reads the buffer, whose length is passed. Without an address it goes to the kernel (netlink(7)).
  send: { arguments: ['int32', 'buffer', 'uint64', 'int32'], return: 'int64' },
  // SAFETY: writes at most the length that is passed, which is the buffer's own. Never waits: non-blocking.
  recv: { arguments: ['int32', 'buffer', 'uint64', 'int32'], return: 'int64' },
});

// bits/socket.h, linux/netlink.h
const AF_NETLINK = 16;
const NETLINK_ROUTE = 0;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_TRUNC = 0x20;

/** One read's room: what the kernel fills at most in one go for a reader that offers it (bytes). */
const RECEIVE_BYTES = 32 * 1024;

/**
 * Reads for one request, so that the caller's thread comes back whatever the kernel sends: about a hundred thousand
 * routes.
 */
const MAX_READS = 512;

/** How often a table that changes while it is read is read anew. */
const MAX_DUMPS = 8;

/**
 * Makes requests of the kernel, one after the other. The kernel works on a request inside of send(2) and has the answer
 * ready when that returns; so the socket is asked without waiting, and an answer that is not there is an error.
 */
export class RtnetlinkSocket {
  readonly #fd: number;
  readonly #room = Buffer.alloc(RECEIVE_BYTES);
  #sequence = 0;

  /** @throws KataError ERR_SYSCALL. */
  constructor() {
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.#fd = check('socket AF_NETLINK', native.socket(AF_NETLINK, type, NETLINK_ROUTE));
    const on = Buffer.from([1, 0, 0, 0]);
    // Only make answers short and add words to errors; a kernel that does not know them serves without.
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) {
      native.setsockopt(this.#fd, SOL_NETLINK, option, on, on.length);
    }
  }

  /** Closes the socket; it must not be used after that. */
  close(): void {
    closeSync(this.#fd);
  }

  /**
   * Asks for one change.
   * @param type RTM_*.
   * @param flags such as NLM_F_CREATE.
   * @param what is done on what, for the error, such as `set link eth0`.
   * @throws KataError ERR_SYSCALL with the errno and the kernel's own sentence on it.
   */
  change(type: number, flags: number, payload: Uint8Array, what: string): void {
    const sequence = this.#send(type, NLM_F_REQUEST | NLM_F_ACK | flags, payload, what);
    for (let reads = 0; reads < MAX_READS; reads++) {
      for (const message of this.#receive(what)) {
        if (message.sequence !== sequence || message.type !== NLMSG_ERROR) continue;
        throwIfFailed(message, what);
        return;
      }
    }
    throw endless(what);
  }

  /**
   * Asks for a whole table.
   * @returns the payloads of its entries.
   * @throws KataError ERR_SYSCALL; ERR_INTERNAL for a table that does not end or changes all the time.
   */
  dump(type: number, payload: Uint8Array, what: string): Uint8Array[] {
    for (let tries = 0; tries < MAX_DUMPS; tries++) {
      const entries = this.#dumpOnce(type, payload, what);
      if (entries !== undefined) return entries;
    }
    throw new KataError('ERR_INTERNAL', `${what}: the table does not stand still`);
  }

  /** @returns undefined where the table changed meanwhile. */
  #dumpOnce(type: number, payload: Uint8Array, what: string): Uint8Array[] | undefined {
    const sequence = this.#send(type, NLM_F_REQUEST | NLM_F_DUMP, payload, what);
    const entries: Uint8Array[] = [];
    let consistent = true;
    for (let reads = 0; reads < MAX_READS; reads++) {
      for (const message of this.#receive(what)) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) consistent = false;
        if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
          throwIfFailed(message, what);
          return consistent ? entries : undefined;
        }
        entries.push(message.payload);
      }
    }
    throw endless(what);
  }

  #send(type: number, flags: number, payload: Uint8Array, what: string): number {
    this.#sequence += 1;
    const bytes = encodeMessage({ type, flags, sequence: this.#sequence, payload });
    check('send netlink', native.send(this.#fd, bytes, BigInt(bytes.length), 0), what);
    return this.#sequence;
  }

  #receive(what: string): NetlinkMessage[] {
    const length = Number(native.recv(this.#fd, this.#room, BigInt(this.#room.length), MSG_TRUNC));
    if (length < 0) {
      const number = errno();
      // A signal; the read counts as one of those that are allowed.
      if (errnoName(number) === 'EINTR') return [];
      throw errnoError('recv netlink', number, what);
    }
    if (length > this.#room.length) throw new KataError('ERR_INTERNAL', `${what}: an answer of ${length} bytes`);
    // A copy, since the next read writes over the room and the messages are views.
    return decodeMessages(Buffer.from(this.#room.subarray(0, length)));
  }
}

function throwIfFailed(message: NetlinkMessage, what: string): void {
  const { errno: number, explanation } = decodeOutcome(message);
  if (number === 0) return;
  const name = errnoName(number);
  throw new KataError('ERR_SYSCALL', `${what}: ${explanation === '' ? name : `${name} (${explanation})`}`, {
    errno: name,
  });
}

function endless(what: string): KataError {
  return new KataError('ERR_INTERNAL', `${what}: the kernel's answer does not end`);
}
