/**
 * Frames of an attached connection: one byte of kind, four bytes of length (big endian), and so many bytes. From whoever
 * attaches come `input` and `input end`; from the keeper `stdout`, `stderr`, then `exit` with a status in decimal, or `notice`
 * with the reason why there is no more.
 */
import { KataError } from '../../wire/error.ts';

const KINDS = ['input', 'input end', 'stdout', 'stderr', 'exit', 'notice'] as const;
export type FrameKind = (typeof KINDS)[number];

/** A frame. */
export interface Frame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
}

const HEADER_BYTES = 5;
/** More than any single read of input or output gives; a length above it is a broken peer. */
const FRAME_MAX_BYTES = 16 << 20;

/** @param bytes absent for a kind that has none. */
export function encodeFrame(kind: FrameKind, bytes: Uint8Array = new Uint8Array()): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(KINDS.indexOf(kind), 0);
  header.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

/** Cuts a stream of bytes into frames. */
export class FrameParser {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * The frames that are complete with these bytes.
   * @throws KataError ERR_PROTOCOL for an unknown kind or an impossible length.
   */
  feed(chunk: Buffer): Frame[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    let at = 0;
    while (bytes.length - at >= HEADER_BYTES) {
      const kind = KINDS[bytes.readUInt8(at)];
      const length = bytes.readUInt32BE(at + 1);
      if (kind === undefined || length > FRAME_MAX_BYTES) {
        throw new KataError('ERR_PROTOCOL', 'the keeper and this program speak different languages');
      }
      const end = at + HEADER_BYTES + length;
      if (end > bytes.length) break;
      frames.push({ kind, bytes: bytes.subarray(at + HEADER_BYTES, end) });
      at = end;
    }
    this.#rest = bytes.subarray(at);
    return frames;
  }
}
