import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { cString, cStringVector } from '../../../src/linux/cstring.ts';
import { addressOf } from '../../../src/linux/ffi.ts';

describe('cString', () => {
  it('ends text with NUL', () => {
    expect(cString('path', 'aé')).toEqual(Buffer.from([0x61, 0xc3, 0xa9, 0]));
  });

  it('keeps bytes that are no UTF-8', () => {
    expect(cString('path', Uint8Array.of(0xff, 0x80))).toEqual(Buffer.from([0xff, 0x80, 0]));
  });

  it.each(['a\0b', Uint8Array.of(97, 0, 98), '\0'])('refuses a NUL in %j and names the value', (value) => {
    expect(() => cString('argv[1]', value)).toThrow(/^argv\[1\]: ".*" contains a NUL byte$/);
  });

  it('refuses a lone surrogate, which would become another character', () => {
    expect(() => cString('env[0]', 'A=\ud800')).toThrow(/env\[0\]: .* has no UTF-8 form/);
  });
});

describe('cStringVector', () => {
  it('points to each string and ends with a null pointer', () => {
    const vector = cStringVector('argv', ['ab', Uint8Array.of(0xff), '']);
    const base = addressOf(vector);
    const offsets = [0, 1, 2].map((index) => Number(vector.readBigUInt64LE(index * 8) - base));
    expect(offsets).toEqual([32, 35, 37]);
    expect(vector.readBigUInt64LE(24)).toBe(0n);
    expect(vector.subarray(32)).toEqual(Buffer.from([0x61, 0x62, 0, 0xff, 0, 0]));
  });

  it('is a single null pointer for no strings', () => {
    expect(cStringVector('env', [])).toEqual(Buffer.alloc(8));
  });

  it('says which entry is wrong', () => {
    expect(() => cStringVector('argv', ['ok', 'a\0'])).toThrow(/^argv\[1\]/);
  });
});
