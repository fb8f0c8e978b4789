import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatMac, parseMac } from '../../../../src/agent/network/mac-address.ts';

describe('hardware addresses', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        expect(parseMac(formatMac(bytes))).toEqual(Buffer.from(bytes));
        expect(parseMac(formatMac(bytes).toLowerCase())).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('are listed in capital letters', () => {
    expect(formatMac(Buffer.from('da89f7cf1a0c', 'hex'))).toBe('DA:89:F7:CF:1A:0C');
  });

  it.each([
    '',
    'da:89:f7:cf:1a',
    'da:89:f7:cf:1a:4c:00',
    'da:89:f7:cf:1a:4g',
    'da-89-f7-cf-1a-4c',
    'da:89:f7:cf:1a:04c',
  ])('%j is none', (text) => expect(parseMac(text)).toBeUndefined());
});
