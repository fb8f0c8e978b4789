import { describe, expect, it } from 'vitest';
import { decodeLz4Legacy } from '../../../../build/guest/lz4.ts';
import { KataError } from '../../../../src/wire/error.ts';

const MAGIC = [0x02, 0x21, 0x4c, 0x18];

/** A frame of the given blocks, each with its length before it. */
function frame(...blocks: readonly (readonly number[])[]): Buffer {
  const parts = blocks.map((block) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(block.length);
    return Buffer.concat([size, Buffer.from(block)]);
  });
  return Buffer.concat([Buffer.from(MAGIC), ...parts]);
}

const ascii = (text: string): number[] => [...Buffer.from(text)];

describe('decodeLz4Legacy', () => {
  it('copies literals', () => {
    expect(decodeLz4Legacy(frame([0x50, ...ascii('hello')])).toString()).toBe('hello');
  });

  it('repeats what a match overlaps', () => {
    // 2 literals, then a match of 4 + 7 bytes at distance 2, then 1 literal.
    const block = [0x27, ...ascii('ab'), 2, 0, 0x10, ...ascii('!')];
    expect(decodeLz4Legacy(frame(block)).toString()).toBe('abababababab' + 'a!');
  });

  it('reads lengths that go on in further bytes', () => {
    const text = 'x'.repeat(15 + 255 + 3);
    expect(decodeLz4Legacy(frame([0xf0, 255, 3, ...ascii(text)])).toString()).toBe(text);
  });

  it('joins blocks', () => {
    expect(decodeLz4Legacy(frame([0x10, ...ascii('a')], [0x10, ...ascii('b')])).toString()).toBe('ab');
  });

  it.each([
    ['no such frame', Buffer.from('not lz4 at all')],
    ['a block that is cut', frame([0x50, ...ascii('hello')]).subarray(0, -1)],
    ['a length that is cut', Buffer.concat([frame([0x10, 97]), Buffer.from([1, 0])])],
    ['literals beyond the block', frame([0x50, ...ascii('hell')])],
    ['a match before the beginning', frame([0x10, 97, 2, 0, 0x10, 98])],
    ['a match at distance 0', frame([0x10, 97, 0, 0, 0x10, 98])],
    ['a match that is cut', frame([0x10, 97, 1])],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeLz4Legacy(bytes)).toThrow(KataError);
  });
});
