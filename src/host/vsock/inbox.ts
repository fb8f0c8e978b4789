/** Bytes of a connection that its reader has not asked for yet. */

/** Chunks below half of this are packed into blocks of this size (bytes). */
const BLOCK_BYTES = 4096;

/**
 * A queue of bytes. Credit counts bytes and not packets, so a guest could spend it on packets of one byte; each as an
 * object of its own would cost a hundred times what it carries. Small chunks are therefore packed together, and the
 * queue never takes more than about three times the bytes that it holds.
 */
export class Inbox {
  readonly #chunks: Uint8Array[] = [];
  /** The block at the end of the queue that is still being filled, and how much of it is. */
  #block: Uint8Array | undefined;
  #blockUsed = 0;
  #length = 0;

  /** Bytes in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Adds bytes at the end; a large chunk is kept as it is, not copied. */
  append(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#chunks.length === 0 && this.#block === undefined) {
      this.#chunks.push(chunk);
      return;
    }
    if (this.#block !== undefined && this.#blockUsed + chunk.length > BLOCK_BYTES) this.#closeBlock();
    if (chunk.length >= BLOCK_BYTES / 2) {
      this.#closeBlock();
      this.#chunks.push(chunk);
      return;
    }
    this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
    this.#block.set(chunk, this.#blockUsed);
    this.#blockUsed += chunk.length;
  }

  /** Takes the first chunk out, or undefined where there is none. */
  take(): Uint8Array | undefined {
    if (this.#chunks.length === 0) this.#closeBlock();
    const chunk = this.#chunks.shift();
    this.#length -= chunk?.length ?? 0;
    return chunk;
  }

  #closeBlock(): void {
    if (this.#block !== undefined) this.#chunks.push(this.#block.subarray(0, this.#blockUsed));
    this.#block = undefined;
    this.#blockUsed = 0;
  }
}
