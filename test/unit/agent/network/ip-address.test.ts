import { Buffer } from 'node:buffer';
import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  broadcast,
  formatIp,
  network,
  parseIp,
  parsePrefix,
  parsePrefixLength,
} from '../../../../src/agent/network/ip-address.ts';

/** The form that the URL standard gives an address, as an independent opinion. */
function canonical(text: string): string {
  return isIPv4(text) ? text : new URL(`http://[${text}]`).hostname.slice(1, -1);
}

describe('parseIp and formatIp', () => {
  it('agree with others on what an address is and what it looks like', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const bytes = parseIp(text);
        expect(formatIp(bytes ?? Buffer.alloc(0))).toBe(canonical(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('agree with others on what is none', () => {
    const piece = fc.constantFrom(
      '0',
      '1',
      '00',
      '255',
      '256',
      'f',
      'ffff',
      '10000',
      'g',
      ':',
      '::',
      '.',
      '%',
      ' ',
      '1.2.3.4',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        const isAddress = (isIPv4(text) || isIPv6(text)) && !text.includes('%');
        expect(parseIp(text) !== undefined, text).toBe(isAddress);
      }),
      { numRuns: 5000 },
    );
  });

  it('bring every address back', () => {
    const size = fc.constantFrom(4, 16);
    const address = size.chain((length) =>
      fc.array(fc.constantFrom(0, 0, 1, 255), { minLength: length, maxLength: length }),
    );
    fc.assert(
      fc.property(address, (bytes) => {
        expect([...(parseIp(formatIp(Uint8Array.from(bytes))) ?? [])]).toEqual(bytes);
      }),
    );
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.4 ',
    'fe80::1%eth0',
    '::1::',
    '1:2:3:4:5:6:7:8::',
    '1.2.3.4::',
  ])('%j is no address', (text) => expect(parseIp(text)).toBeUndefined());
});

describe('prefixes', () => {
  it('are an address with a length, or a bare address', () => {
    expect(parsePrefix('10.0.0.0/8')).toEqual({ address: Buffer.from([10, 0, 0, 0]), length: 8, explicit: true });
    expect(parsePrefix('10.0.0.1')).toMatchObject({ length: 32, explicit: false });
    expect(parsePrefix('fd00::/60')).toMatchObject({ length: 60, explicit: true });
    expect(parsePrefix('::1')).toMatchObject({ length: 128, explicit: false });
    expect(parsePrefix('::/0')).toMatchObject({ length: 0, explicit: true });
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '/8', 'fd00::/129', '10.0.0.0/-1', '10.0.0.0/0x8', ''])(
    '%j is none',
    (text) => expect(parsePrefix(text)).toBeUndefined(),
  );

  it('lengths are decimal numbers up to the limit', () => {
    expect(['0', '24', '032', '32'].map((text) => parsePrefixLength(text, 32))).toEqual([0, 24, 32, 32]);
    expect(['', '33', '-1', '+1', '1.0', ' 1', '0000'].map((text) => parsePrefixLength(text, 32))).toEqual(
      Array(7).fill(undefined),
    );
  });

  it.each([
    ['fd00:1:2:3:4:5:6:7', 60, 'fd00:1:2::'],
    ['fd00::ffff', 127, 'fd00::fffe'],
    ['fd00:1:2:ffff::1', 52, 'fd00:1:2:f000::'],
    ['fd00::1', 128, 'fd00::1'],
    ['10.1.2.3', 12, '10.0.0.0'],
    ['10.1.2.3', 0, '0.0.0.0'],
  ])('the network of %s/%i is %s', (text, length, expected) => {
    expect(formatIp(network(parseIp(text) ?? Buffer.alloc(0), length))).toBe(expected);
  });

  it.each([
    ['10.1.2.3', 8, '10.255.255.255'],
    ['10.1.2.3', 23, '10.1.3.255'],
    ['10.1.2.1', 30, '10.1.2.3'],
  ])('the broadcast address of %s/%i is %s', (text, length, expected) => {
    expect(formatIp(broadcast(parseIp(text) ?? Buffer.alloc(0), length))).toBe(expected);
  });
});
