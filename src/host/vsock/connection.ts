/**
 * One connection, as virtio-vsock sees it. No I/O: packets come in by receive(), go out by take(), and what happens is
 * told to the two sides.
 *
 * Establishment. One side sends REQUEST, the other answers RESPONSE or RST. Termination: SHUTDOWN says with its flags
 * that the sender receives no more, or sends no more; flags are permanent and OR-ed. When one SHUTDOWN, or several
 * together, say both, the other side confirms with RST and both forget the connection; where the RST does not come in
 * time, the sender of the SHUTDOWN sends it. RST at any other time ends the connection at once. RST is never answered.
 *
 * Credit. Of the two policies that the specification allows we take the strict one: bytes count as forwarded when the
 * reader has taken them, not when they are buffered. A guest that sends more than it was given room for is reset.
 */

import { KataError } from '../../wire/error.ts';
import { ReceiveCredit, SendCredit } from '../../wire/vsock/credit.ts';
import { Op, type PacketHeader, Shutdown } from '../../wire/vsock/packet.ts';
import type { Carrier, ConnectionState, HostEnd, Outgoing } from './connection-types.ts';
import { CONNECTION_BUFFER_BYTES, KILL_TIMEOUT_MS } from './limits.ts';

/** Bytes that the host's end wants to send. */
interface Write {
  readonly chunks: readonly Uint8Array[];
  /** @param isTaken false where the guest takes no more. */
  readonly done: (isTaken: boolean) => void;
  index: number;
  offset: number;
  left: number;
}

/** One connection; see the top of the file. */
export class Connection {
  readonly localPort: number;
  readonly remotePort: number;
  readonly #carrier: Carrier;
  readonly #sendCredit = new SendCredit();
  readonly #receiveCredit = new ReceiveCredit(CONNECTION_BUFFER_BYTES);
  #host: HostEnd | undefined;
  #state: ConnectionState;
  #write: Write | undefined;
  #unread = 0;
  #mustRespond = false;
  /** Flags of the SHUTDOWN to be sent, 0 for none; `done` is told when it is on its way. */
  #shutdown: { readonly flags: number; readonly done: () => void } | undefined;
  #mustTellCredit = false;
  #hasAskedForCredit = false;
  #cancelTimer: (() => void) | undefined;

  /**
   * @param localPort port of the host's end.
   * @param initial who asked: `requesting` for the host, `offered` for the guest.
   * @param timeoutMs how long the answer to that may take (ms).
   */
  constructor(
    carrier: Carrier,
    ports: { readonly local: number; readonly remote: number },
    initial: 'requesting' | 'offered',
    timeoutMs: number,
  ) {
    this.#carrier = carrier;
    this.localPort = ports.local;
    this.remotePort = ports.remote;
    this.#state = initial === 'offered' ? { kind: 'offered' } : { kind: 'requesting', isSent: false };
    this.#cancelTimer = carrier.schedule(timeoutMs, () => {
      const error = new KataError('ERR_DEADLINE', `vsock port ${this.remotePort}: no answer after ${timeoutMs} ms`, {
        errno: 'ETIMEDOUT',
      });
      this.#finish(this.#guestKnowsIt(), error);
    });
  }

  /** Where it stands. */
  get state(): ConnectionState {
    return this.#state;
  }

  /** Gives it the host's end; events before that are not told to anyone. */
  attach(host: HostEnd): void {
    this.#host = host;
  }

  /** Takes over the credit that came with the guest's REQUEST. */
  noteCredit(header: PacketHeader): void {
    this.#sendCredit.update(header);
  }

  /** The host's end takes the guest's offer; nothing happens where the guest has given up. */
  accept(host: HostEnd): void {
    if (this.#state.kind !== 'offered') return;
    this.#host = host;
    this.#cancelTimer?.();
    this.#mustRespond = true;
    this.#state = { kind: 'open', guestFlags: 0, hostFlags: 0 };
    this.#wake();
  }

  /** Nobody takes the guest's offer. */
  refuse(): void {
    if (this.#state.kind === 'offered') this.#finish(true, undefined);
  }

  /**
   * Sends bytes; one write at a time.
   * @param done called with true when all of them are in the guest's queue, with false where the guest takes no more.
   */
  send(chunks: readonly Uint8Array[], done: (isTaken: boolean) => void): void {
    const left = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (!this.#canSend()) done(false);
    else if (left === 0) done(true);
    else {
      this.#write = { chunks, done, index: 0, offset: 0, left };
      this.#wake();
    }
  }

  /** The host's end sends no more; to be called after the last write is done. @param done when the guest is told. */
  endSending(done: () => void): void {
    if (this.#canSend()) {
      this.#shutdown = { flags: Shutdown.SEND, done };
      this.#wake();
    } else {
      done();
    }
  }

  /** The reader of the host's end has taken bytes: the guest has room for as many. */
  forwarded(bytes: number): void {
    this.#unread -= bytes;
    this.#receiveCredit.forward(bytes);
    if (this.#state.kind !== 'open' || (this.#state.guestFlags & Shutdown.SEND) !== 0) return;
    if (this.#receiveCredit.updateDue() && !this.#mustTellCredit) {
      this.#mustTellCredit = true;
      this.#wake();
    }
  }

  /**
   * The host's end is gone. Where nothing is lost by that, the guest is told by a full SHUTDOWN; where bytes of either
   * direction are lost, by RST.
   */
  abandon(): void {
    const state = this.#state;
    this.#host = undefined;
    if (state.kind === 'requesting' || state.kind === 'offered') {
      this.#finish(this.#guestKnowsIt(), undefined);
    } else if (state.kind === 'open') {
      if (this.#write !== undefined || this.#unread > 0) {
        this.#finish(true, undefined);
        return;
      }
      this.#state = { kind: 'closing', guestFlags: state.guestFlags };
      this.#shutdown = { flags: Shutdown.BOTH, done: () => {} };
      this.#cancelTimer = this.#carrier.schedule(KILL_TIMEOUT_MS, () => this.#finish(true, undefined));
      this.#wake();
    }
  }

  /** Ends it at once: the guest broke the rules, or is gone. @param sendReset whether there is a guest to tell. */
  kill(error: KataError | undefined, sendReset: boolean): void {
    this.#finish(sendReset && this.#guestKnowsIt(), error);
  }

  /** Takes a packet of the guest. @param payload copies the payload of an RW out of the guest's memory. */
  receive(header: PacketHeader, payload: () => Uint8Array): void {
    this.#sendCredit.update(header);
    switch (this.#state.kind) {
      case 'requesting':
        this.#receiveAnswer(header);
        break;
      case 'offered':
        // The guest gave up. An RST needs no answer, a SHUTDOWN does.
        if (header.op === Op.RST || header.op === Op.SHUTDOWN) this.#finish(header.op === Op.SHUTDOWN, undefined);
        else if (header.op === Op.RW || header.op === Op.REQUEST || header.op === Op.RESPONSE) this.#breach(header);
        break;
      case 'open':
        this.#receiveOpen(header, payload);
        break;
      case 'closing':
        this.#receiveClosing(header, this.#state.guestFlags);
        break;
      case 'closed':
        break;
    }
    if (this.wantsToSend()) this.#wake();
  }

  /** True where take() would give a packet. */
  wantsToSend(): boolean {
    return this.#nextOp() !== undefined;
  }

  /** The next packet to send. @param maxPayload room for payload (bytes), at least 1. */
  take(maxPayload: number): Outgoing | undefined {
    const op = this.#nextOp();
    switch (op) {
      case undefined:
        return undefined;
      case Op.RW:
        return this.#takeData(maxPayload);
      case Op.SHUTDOWN: {
        const { flags, done } = this.#shutdown ?? { flags: Shutdown.BOTH, done: () => {} };
        this.#shutdown = undefined;
        if (this.#state.kind === 'open') this.#state = { ...this.#state, hostFlags: this.#state.hostFlags | flags };
        return { op, flags, payload: [], length: 0, sent: done };
      }
      case Op.REQUEST:
        this.#state = { kind: 'requesting', isSent: true };
        break;
      case Op.RESPONSE:
        this.#mustRespond = false;
        break;
      case Op.CREDIT_REQUEST:
        this.#hasAskedForCredit = true;
        break;
    }
    return { op, flags: 0, payload: [], length: 0 };
  }

  /** The two credit fields of a packet of this connection that is about to be sent. */
  stampCredit(): { readonly bufAlloc: number; readonly fwdCnt: number } {
    this.#mustTellCredit = false;
    return this.#receiveCredit.stamp();
  }

  #nextOp(): number | undefined {
    const state = this.#state;
    if (state.kind === 'requesting') return state.isSent ? undefined : Op.REQUEST;
    if (state.kind !== 'open' && state.kind !== 'closing') return undefined;
    if (this.#mustRespond) return Op.RESPONSE;
    if (this.#write !== undefined) {
      if (this.#sendCredit.available() > 0) return Op.RW;
      if (!this.#hasAskedForCredit) return Op.CREDIT_REQUEST;
    } else if (this.#shutdown !== undefined) {
      return Op.SHUTDOWN;
    }
    return this.#mustTellCredit ? Op.CREDIT_UPDATE : undefined;
  }

  #takeData(maxPayload: number): Outgoing | undefined {
    const write = this.#write;
    if (write === undefined) return undefined;
    const length = Math.min(maxPayload, this.#sendCredit.available(), write.left);
    const payload: Uint8Array[] = [];
    let left = length;
    while (left > 0) {
      const chunk = write.chunks[write.index];
      if (chunk === undefined) break;
      const piece = chunk.subarray(write.offset, write.offset + left);
      payload.push(piece);
      left -= piece.length;
      write.offset += piece.length;
      if (write.offset === chunk.length) {
        write.index += 1;
        write.offset = 0;
      }
    }
    write.left -= length;
    this.#sendCredit.consume(length);
    this.#hasAskedForCredit = false;
    const packet = { op: Op.RW, flags: 0, payload, length };
    if (write.left > 0) return packet;
    this.#write = undefined;
    return { ...packet, sent: () => write.done(true) };
  }

  #receiveAnswer(header: PacketHeader): void {
    if (header.op === Op.RESPONSE && this.#guestKnowsIt()) {
      this.#cancelTimer?.();
      this.#state = { kind: 'open', guestFlags: 0, hostFlags: 0 };
      this.#host?.guestOpened();
    } else if (header.op === Op.RST) {
      const message = `vsock port ${this.remotePort}: the guest refused the connection`;
      this.#finish(false, new KataError('ERR_UNAVAILABLE', message, { errno: 'ECONNREFUSED' }));
    } else {
      this.#breach(header);
    }
  }

  #receiveOpen(header: PacketHeader, payload: () => Uint8Array): void {
    const state = this.#state;
    if (state.kind !== 'open') return;
    switch (header.op) {
      case Op.RW:
        if ((state.guestFlags & Shutdown.SEND) !== 0 || !this.#receiveCredit.accept(header.length)) {
          this.#breach(header);
        } else if (header.length > 0) {
          this.#unread += header.length;
          this.#host?.guestData(payload());
        }
        break;
      case Op.SHUTDOWN:
        this.#receiveShutdown(state.guestFlags, header.flags & Shutdown.BOTH, state.hostFlags);
        break;
      case Op.RST: {
        // With both directions ended it only confirms that.
        const isClean = (state.guestFlags & Shutdown.SEND) !== 0 && (state.hostFlags & Shutdown.SEND) !== 0;
        this.#finish(false, isClean ? undefined : this.#resetByGuest());
        break;
      }
      case Op.CREDIT_REQUEST:
        this.#mustTellCredit = true;
        break;
      case Op.CREDIT_UPDATE:
        break;
      default:
        this.#breach(header);
    }
  }

  #receiveShutdown(before: number, flags: number, hostFlags: number): void {
    const guestFlags = before | flags;
    this.#state = { kind: 'open', guestFlags, hostFlags };
    const isNew = guestFlags & ~before;
    if ((isNew & Shutdown.SEND) !== 0) this.#host?.guestEnded();
    if (guestFlags === Shutdown.BOTH) this.#finish(true, undefined);
    else if ((isNew & Shutdown.RECEIVE) !== 0) this.#dropWrite();
  }

  #receiveClosing(header: PacketHeader, before: number): void {
    const guestFlags = header.op === Op.SHUTDOWN ? before | header.flags : before;
    if (header.op === Op.RST) this.#finish(false, undefined);
    else if ((guestFlags & Shutdown.BOTH) === Shutdown.BOTH) this.#finish(true, undefined);
    else this.#state = { kind: 'closing', guestFlags };
    // Data that was on its way when we said that we take no more is dropped.
  }

  /** The guest did what its state does not allow. */
  #breach(header: PacketHeader): void {
    const message = `vsock port ${this.remotePort}: operation ${header.op} of the guest in state ${this.#state.kind}`;
    this.#finish(header.op !== Op.RST, new KataError('ERR_PROTOCOL', message, { errno: 'EPROTO' }));
  }

  #resetByGuest(): KataError {
    return new KataError('ERR_UNAVAILABLE', `vsock port ${this.remotePort}: the guest reset the connection`, {
      errno: 'ECONNRESET',
    });
  }

  #canSend(): boolean {
    return this.#state.kind === 'open' && (this.#state.guestFlags & Shutdown.RECEIVE) === 0;
  }

  #guestKnowsIt(): boolean {
    return this.#state.kind !== 'closed' && (this.#state.kind !== 'requesting' || this.#state.isSent);
  }

  #dropWrite(): void {
    const write = this.#write;
    const shutdown = this.#shutdown;
    this.#write = undefined;
    this.#shutdown = undefined;
    write?.done(false);
    shutdown?.done();
  }

  #finish(sendReset: boolean, error: KataError | undefined): void {
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    this.#cancelTimer?.();
    this.#carrier.finished(sendReset);
    this.#host?.connectionOver(error);
    this.#dropWrite();
  }

  #wake(): void {
    this.#carrier.ready();
  }
}
