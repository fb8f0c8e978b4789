/** The last lines of a log. */
import type { OutputStream } from './log-record.ts';

/** Bytes of one stream. */
export interface OutputPiece {
  readonly kind: OutputStream;
  readonly bytes: Buffer;
}

const NEWLINE = 0x0a;

/** Keeps the last lines of an output, in the order in which their parts came. An unfinished line counts as one. */
export class LogTail {
  readonly #count: number;
  #pieces: OutputPiece[] = [];
  /** Line ends among the pieces. */
  #ends = 0;

  /** @param count of lines, of both streams together. */
  constructor(count: number) {
    this.#count = count;
  }

  /** Takes the next bytes. */
  push(kind: OutputStream, bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(NEWLINE, at);
      const next = end < 0 ? bytes.length : end + 1;
      this.#pieces.push({ kind, bytes: bytes.subarray(at, next) });
      if (end >= 0) this.#ends += 1;
      at = next;
    }
    this.#cut(this.#count);
  }

  /** What is kept; nothing of it is kept any longer. */
  take(): OutputPiece[] {
    const unfinished = (['stdout', 'stderr'] as const).filter((kind) => {
      const last = this.#pieces.findLast((piece) => piece.kind === kind);
      return last !== undefined && !endsLine(last);
    });
    this.#cut(Math.max(0, this.#count - unfinished.length));
    const pieces = this.#count === 0 ? [] : this.#pieces;
    this.#pieces = [];
    this.#ends = 0;
    return pieces;
  }

  #cut(limit: number): void {
    if (this.#ends <= limit) return;
    let cut = 0;
    while (this.#ends > limit) {
      const piece = this.#pieces[cut];
      if (piece === undefined) break;
      if (endsLine(piece)) this.#ends -= 1;
      cut += 1;
    }
    this.#pieces = this.#pieces.slice(cut);
  }
}

function endsLine(piece: OutputPiece): boolean {
  return piece.bytes.at(-1) === NEWLINE;
}
