/** Log lines that wait for their destination: bounded, so that a destination that is stuck costs no memory. */
import { Buffer } from 'node:buffer';

/** Room for the lines of a busy start, while nobody has come to fetch them (bytes). */
const DEFAULT_CAPACITY_BYTES = 256 * 1024;

/** Makes the line that tells how many were dropped. */
export type DropNotice = (dropped: number) => string;

/** A queue of bytes that takes whole lines only. What does not fit is counted, and told as soon as there is room. */
export class LineQueue {
  readonly #capacity: number;
  readonly #notice: DropNotice;
  readonly #lines: Buffer[] = [];
  #bytes = 0;
  #dropped = 0;

  constructor(notice: DropNotice, capacityBytes = DEFAULT_CAPACITY_BYTES) {
    this.#notice = notice;
    this.#capacity = capacityBytes;
  }

  /** True where nothing waits. */
  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  /** Lines dropped since the last notice. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Adds a line, or counts it where it does not fit. */
  push(line: string): void {
    if (this.#dropped > 0) {
      const notice = Buffer.from(this.#notice(this.#dropped));
      const room = this.#capacity - this.#bytes;
      // Both or neither: a notice that fills the last room would be followed by the next drop at once.
      if (notice.length + Buffer.byteLength(line) > room) {
        this.#dropped += 1;
        return;
      }
      this.#dropped = 0;
      this.#append(notice);
    }
    const bytes = Buffer.from(line);
    if (bytes.length > this.#capacity - this.#bytes) this.#dropped += 1;
    else this.#append(bytes);
  }

  /** The bytes to write next; undefined where nothing waits. */
  head(): Buffer | undefined {
    return this.#lines[0];
  }

  /** Takes `count` bytes off the head, which has that many at least. */
  consume(count: number): void {
    const [head] = this.#lines;
    if (head === undefined) return;
    this.#bytes -= count;
    if (count >= head.length) this.#lines.shift();
    else this.#lines[0] = head.subarray(count);
  }

  /** Drops everything that waits, because it can never be written; it is not told of later. */
  clear(): void {
    this.#lines.length = 0;
    this.#bytes = 0;
  }

  #append(bytes: Buffer): void {
    this.#lines.push(bytes);
    this.#bytes += bytes.length;
  }
}
