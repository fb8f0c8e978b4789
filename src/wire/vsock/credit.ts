/**
 * Credit: how much each side may send before the other has room (virtio 1.2, 5.10.6.3). All counters are modulo 2^32, so
 * differences are taken modulo 2^32 too.
 */

/** `a - b` modulo 2^32. */
function difference(a: number, b: number): number {
  return (a - b) >>> 0;
}

/** What we may send to the peer. */
export class SendCredit {
  #sent = 0;
  #peerBufAlloc = 0;
  #peerFwdCnt = 0;

  /** Takes over the two fields that every packet of the peer carries. */
  update(peer: { readonly bufAlloc: number; readonly fwdCnt: number }): void {
    this.#peerBufAlloc = peer.bufAlloc;
    this.#peerFwdCnt = peer.fwdCnt;
  }

  /** Bytes that may be sent now. A peer that claims to have taken more than it got, or shrinks its buffer, gets none. */
  available(): number {
    const inFlight = difference(this.#sent, this.#peerFwdCnt);
    return inFlight >= this.#peerBufAlloc ? 0 : this.#peerBufAlloc - inFlight;
  }

  /** Counts bytes as sent. */
  consume(bytes: number): void {
    this.#sent = (this.#sent + bytes) >>> 0;
  }
}

/** What the peer may send to us. */
export class ReceiveCredit {
  /** Size of our buffer as we tell it (bytes). */
  readonly bufAlloc: number;
  #received = 0;
  #forwarded = 0;
  #advertised = 0;

  constructor(bufAlloc: number) {
    this.bufAlloc = bufAlloc;
  }

  /** Counts bytes as received. @returns false, and counts nothing, where the peer had no credit for them. */
  accept(bytes: number): boolean {
    if (difference(this.#received, this.#forwarded) + bytes > this.bufAlloc) return false;
    this.#received = (this.#received + bytes) >>> 0;
    return true;
  }

  /** Counts bytes as taken by whoever reads the connection: there is room for as many again. */
  forward(bytes: number): void {
    this.#forwarded = (this.#forwarded + bytes) >>> 0;
  }

  /**
   * True where the peer should hear of the room without asking: it was last told of so little that half of the buffer
   * is free beyond it. Later, and a peer that fills the buffer stalls; earlier, and small reads cost a packet each.
   */
  updateDue(): boolean {
    return difference(this.#forwarded, this.#advertised) >= this.bufAlloc / 2;
  }

  /** The two fields of a packet that is about to be sent; remembers that the peer knows them now. */
  stamp(): { readonly bufAlloc: number; readonly fwdCnt: number } {
    this.#advertised = this.#forwarded;
    return { bufAlloc: this.bufAlloc, fwdCnt: this.#forwarded };
  }
}
