/**
 * Unpacks what `lz4 -l` made: the "legacy frame", in which distributions store their kernels, and which Node cannot read.
 *
 * Format: lz4's doc/lz4_Frame_format.md ("Legacy frame") and doc/lz4_Block_format.md.
 */
import { KataError } from '../../src/wire/error.ts';

/** First four bytes of a legacy frame, little-endian. */
export const LZ4_LEGACY_MAGIC = 0x184c2102;

/** Every block but the last unpacks to this many bytes. */
const BLOCK_BYTES = 8 << 20;

/** A match is at least so long, so that its length is stored less this. */
const MIN_MATCH = 4;

/** A length of 15 in a token's half goes on in the bytes that follow. */
const LONG_LENGTH = 15;

/**
 * The unpacked content of a legacy frame.
 * @throws KataError ERR_DECODE where it is not such a frame or a block is broken.
 */
export function decodeLz4Legacy(frame: Buffer): Buffer {
  if (frame.length < 8 || frame.readUInt32LE(0) !== LZ4_LEGACY_MAGIC) {
    throw new KataError('ERR_DECODE', 'not an lz4 legacy frame');
  }
  const blocks: Buffer[] = [];
  let offset = 4;
  while (offset < frame.length) {
    if (offset + 4 > frame.length) throw broken('its size is cut');
    const size = frame.readUInt32LE(offset);
    offset += 4;
    if (offset + size > frame.length) throw broken('it ends early');
    blocks.push(decodeBlock(frame.subarray(offset, offset + size)));
    offset += size;
  }
  return Buffer.concat(blocks);
}

function decodeBlock(block: Buffer): Buffer {
  const out = Buffer.alloc(BLOCK_BYTES);
  let read = 0;
  let written = 0;
  const next = (): number => {
    const byte = block[read++];
    if (byte === undefined) throw broken('it ends early');
    return byte;
  };
  const length = (half: number): number => {
    let total = half;
    if (half === LONG_LENGTH) {
      let more: number;
      do {
        more = next();
        total += more;
      } while (more === 255);
    }
    return total;
  };

  while (read < block.length) {
    const token = next();
    const literals = length(token >> 4);
    if (read + literals > block.length || written + literals > out.length) throw broken('literals overrun it');
    block.copy(out, written, read, read + literals);
    read += literals;
    written += literals;
    if (read === block.length) break; // the last sequence has no match

    const distance = next() | (next() << 8);
    const match = length(token & LONG_LENGTH) + MIN_MATCH;
    if (distance === 0 || distance > written || written + match > out.length) throw broken('a match lies outside');
    copyMatch(out, written, distance, match);
    written += match;
  }
  return out.subarray(0, written);
}

/** A match may overlap what it writes: then it repeats its first `distance` bytes. */
function copyMatch(out: Buffer, at: number, distance: number, length: number): void {
  let copied = 0;
  while (copied < length) {
    // Each round has twice as much to copy from as the one before.
    const size = Math.min(length - copied, distance + copied);
    out.copy(out, at + copied, at - distance, at - distance + size);
    copied += size;
  }
}

function broken(why: string): KataError {
  return new KataError('ERR_DECODE', `a block of the lz4 frame is broken: ${why}`);
}
