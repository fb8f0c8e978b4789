/** Moves packets between the guest's two queues and the connections. */

import { KataError } from '../../wire/error.ts';
import { decodeHeader, HEADER_BYTES, PAYLOAD_MAX_BYTES, type PacketHeader } from '../../wire/vsock/packet.ts';
import { CHAINS_PER_TURN } from './limits.ts';
import type { Muxer } from './muxer.ts';
import type { Ring } from './ring.ts';
import { type Chain, copyFromChain, copyIntoChain, type Virtqueue } from './virtqueue.ts';

/**
 * - `waiting`: at least one queue is stopped; connections asked for by the host wait.
 * - `running`: packets flow.
 * - `broken`: the driver broke the rules of a queue; nothing is served until the queues are set up anew.
 */
type ServiceState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'broken'; readonly error: KataError };

/** Serves the receive queue (to the guest) and the transmit queue (from the guest). */
export class QueueService {
  readonly #muxer: Muxer;
  readonly #receive: Ring;
  readonly #transmit: Ring;
  readonly #onBroken: (error: KataError) => void;
  readonly #headerBytes = Buffer.alloc(HEADER_BYTES);
  #state: ServiceState = { kind: 'waiting' };
  #hasRun = false;
  /** Guards against a packet's effect (a write that is done, a listener that writes) entering the loop again. */
  #isServing = false;
  #continuation: NodeJS.Immediate | undefined;

  /** @param onBroken told when the driver broke the rules; every connection has been ended with the error by then. */
  constructor(
    muxer: Muxer,
    rings: { readonly receive: Ring; readonly transmit: Ring },
    onBroken: (error: KataError) => void,
  ) {
    this.#muxer = muxer;
    this.#receive = rings.receive;
    this.#transmit = rings.transmit;
    this.#onBroken = onBroken;
  }

  /** Why nothing is served, where the driver broke the rules. */
  get failure(): KataError | undefined {
    return this.#state.kind === 'broken' ? this.#state.error : undefined;
  }

  /** A ring was started, stopped or enabled. */
  ringsChanged(): void {
    const isReady = this.#receive.queue !== undefined && this.#transmit.queue !== undefined;
    if (!isReady) {
      this.#state = { kind: 'waiting' };
      return;
    }
    if (this.#state.kind !== 'waiting') return;
    // Both rings start from zero: not a machine that was paused and goes on, but a driver that starts anew, which knows
    // of no connection.
    if (this.#hasRun && this.#receive.isFresh && this.#transmit.isFresh) {
      const error = new KataError('ERR_UNAVAILABLE', 'vsock: the guest has restarted', { errno: 'ECONNRESET' });
      this.#muxer.dropAll(error, true);
    }
    this.#state = { kind: 'running' };
    this.#hasRun = true;
    this.serve();
  }

  /** QEMU is gone. */
  stopped(): void {
    this.#state = { kind: 'waiting' };
    this.#hasRun = false;
  }

  /** Serves both queues until they are empty, or this turn of the event loop has done its share. */
  serve(): void {
    if (this.#isServing || this.#state.kind !== 'running') return;
    this.#isServing = true;
    let isExhausted = true;
    try {
      // The effects of one direction can make work for the other; what is left when a share is used up is done later.
      isExhausted = this.#serveTransmit();
      isExhausted = this.#serveReceive() || isExhausted;
    } finally {
      this.#isServing = false;
      // Also where a listener of a stream threw: that is its owner's affair, and the guest is served nevertheless.
      if (isExhausted) this.#continueLater();
    }
  }

  #continueLater(): void {
    this.#continuation ??= setImmediate(() => {
      this.#continuation = undefined;
      this.serve();
    });
  }

  #break(error: KataError): void {
    this.#state = { kind: 'broken', error };
    this.#receive.reportBroken();
    this.#transmit.reportBroken();
    this.#muxer.dropAll(error, false);
    this.#onBroken(error);
  }

  /** Does something with a queue; where the driver broke the rules, that is the end of both. */
  #guard<T>(action: () => T): T | undefined {
    if (this.#state.kind !== 'running') return undefined;
    try {
      return action();
    } catch (error) {
      this.#break(KataError.from(error));
      return undefined;
    }
  }

  /** The next chain; where there is none, the driver is asked to kick when there is. */
  #nextChain(queue: Virtqueue): Chain | undefined {
    return this.#guard(() => queue.next() ?? (queue.requestKick() ? queue.next() : undefined));
  }

  /** @returns true where there may be more to do. */
  #serveTransmit(): boolean {
    const queue = this.#transmit.queue;
    if (queue === undefined) return false;
    this.#guard(() => queue.suppressKicks());
    let left = CHAINS_PER_TURN;
    // The guest must take some of our resets first where there are too many. They are more than the receive queue gives
    // away in one turn, so either that turn goes on later, or the guest kicks with new buffers: both come back here.
    while (left > 0 && !this.#muxer.isCongested) {
      const chain = this.#nextChain(queue);
      const header = chain === undefined ? undefined : this.#guard(() => this.#readHeader(chain));
      if (chain === undefined || header === undefined) break;
      try {
        this.#muxer.handle(header, () => readPayload(chain, header.length));
      } finally {
        this.#guard(() => queue.complete(chain, 0));
      }
      left -= 1;
    }
    this.#guard(() => this.#transmit.interrupt());
    return left === 0;
  }

  #readHeader(chain: Chain): PacketHeader {
    if (chain.length < HEADER_BYTES) throw malformed(`a packet of ${chain.length} bytes`);
    copyFromChain(chain, 0, this.#headerBytes);
    const header = decodeHeader(this.#headerBytes);
    if (header.length > PAYLOAD_MAX_BYTES || header.length > chain.length - HEADER_BYTES) {
      throw malformed(`a payload of ${header.length} bytes in a buffer of ${chain.length}`);
    }
    return header;
  }

  /** @returns true where there may be more to do. */
  #serveReceive(): boolean {
    const queue = this.#receive.queue;
    if (queue === undefined) return false;
    this.#guard(() => queue.suppressKicks());
    let left = CHAINS_PER_TURN;
    while (left > 0 && this.#muxer.hasPackets()) {
      const chain = this.#nextChain(queue);
      if (chain === undefined) break;
      const sent = this.#guard(() => this.#sendPacket(queue, chain));
      sent?.();
      left -= 1;
    }
    this.#guard(() => this.#receive.interrupt());
    return left === 0;
  }

  /** @returns what is to be called now that the packet is in the guest. */
  #sendPacket(queue: Virtqueue, chain: Chain): (() => void) | undefined {
    // One byte of room beyond the header, or a data packet would carry nothing for ever.
    if (chain.length <= HEADER_BYTES) throw malformed(`a receive buffer of ${chain.length} bytes`);
    const packet = this.#muxer.next(chain.length);
    if (packet === undefined) return undefined;
    copyIntoChain(chain, [packet.header, ...packet.payload]);
    queue.complete(chain, packet.length);
    return packet.sent;
  }
}

function readPayload(chain: Chain, length: number): Uint8Array {
  const payload = Buffer.allocUnsafe(length);
  copyFromChain(chain, HEADER_BYTES, payload);
  return payload;
}

function malformed(what: string): KataError {
  return new KataError('ERR_PROTOCOL', `vsock: the guest's driver made ${what}`);
}
