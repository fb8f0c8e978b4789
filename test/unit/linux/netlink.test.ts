import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeAttributes,
  decodeMessages,
  decodeOutcome,
  decodePayload,
  decodeText,
  encodeAttributes,
  encodeMessage,
  encodeText,
  NLMSG_DONE,
  NLMSG_ERROR,
} from '../../../src/linux/netlink.ts';
import { KataError } from '../../../src/wire/error.ts';

const message = fc.record({
  type: fc.integer({ min: 0, max: 0xffff }),
  flags: fc.integer({ min: 0, max: 0xffff }),
  sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
  payload: fc.uint8Array({ maxLength: 100 }),
});
const attribute = fc.tuple(fc.integer({ min: 0, max: 0x3fff }), fc.uint8Array({ maxLength: 50 }));

const plain = (bytes: Uint8Array): number[] => [...bytes];

describe('netlink messages', () => {
  it('come out as they went in, several in one datagram, each at a multiple of four', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), (messages) => {
        const encoded = messages.map(encodeMessage);
        for (const bytes of encoded) expect(bytes.length % 4).toBe(0);
        const decoded = decodeMessages(Buffer.concat(encoded));
        expect(decoded.map((each) => ({ ...each, payload: plain(each.payload) }))).toEqual(
          messages.map((each) => ({ ...each, payload: plain(each.payload) })),
        );
      }),
    );
  });

  it('are laid out as the kernel has them', () => {
    const bytes = encodeMessage({ type: 0x12, flags: 0x301, sequence: 7, payload: Buffer.from([9]) });
    expect(bytes.toString('hex')).toBe('11000000120001030700000000000000' + '09000000');
  });

  it('that do not fit are an error of ours, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          for (const { payload } of decodeMessages(bytes)) decodePayload(payload, 4);
        } catch (error) {
          expect(error).toBeInstanceOf(KataError);
        }
      }),
    );
    for (const hex of ['10', '0f000000120001030700000000000000', '12000000120001030700000000000000']) {
      expect(() => decodeMessages(Buffer.from(hex, 'hex'))).toThrow('netlink: a message of');
    }
  });
});

describe('netlink attributes', () => {
  it('come out as they went in', () => {
    const unique = fc.uniqueArray(attribute, { selector: ([type]) => type, maxLength: 8 });
    fc.assert(
      fc.property(unique, (attributes) => {
        const decoded = decodeAttributes(encodeAttributes(attributes));
        expect([...decoded].map(([type, value]) => [type, plain(value)])).toEqual(
          attributes.map(([type, value]) => [type, plain(value)]),
        );
      }),
    );
  });

  it('lose the bits that tell their nesting', () => {
    expect([...decodeAttributes(Buffer.from('0400088004000940', 'hex')).keys()]).toEqual([8, 9]);
  });

  it.each(['03000100', '05000100', 'ffff0100'])('that do not fit are refused: %s', (hex) => {
    expect(() => decodeAttributes(Buffer.from(hex, 'hex'))).toThrow('netlink: an attribute of');
  });

  it('that are too long are refused', () => {
    expect(() => encodeAttributes([[1, Buffer.alloc(0x10000)]])).toThrow('do not fit');
  });

  it('hold text up to its NUL', () => {
    expect(decodeText(encodeText('eth0'))).toBe('eth0');
    expect(decodeText(Buffer.from('a\0b'))).toBe('a');
    expect(decodeText(Buffer.from('ab'))).toBe('ab');
  });
});

describe('outcomes', () => {
  const number = Buffer.alloc(4);
  number.writeInt32LE(-17);
  const request = encodeMessage({ type: 20, flags: 5, sequence: 1, payload: Buffer.from('body') });
  const words = encodeAttributes([[1, encodeText('File exists, it says')]]);
  const outcome = (type: number, flags: number, ...parts: Uint8Array[]) =>
    decodeOutcome({ type, flags, sequence: 1, payload: Buffer.concat(parts) });

  it('are success, or an errno with the words that are there', () => {
    expect(outcome(NLMSG_ERROR, 0x100, Buffer.alloc(4), request)).toEqual({ errno: 0, explanation: '' });
    expect(outcome(NLMSG_ERROR, 0, number, request)).toEqual({ errno: 17, explanation: '' });
    const explained = { errno: 17, explanation: 'File exists, it says' };
    expect(outcome(NLMSG_ERROR, 0x200, number, request, words)).toEqual(explained);
    expect(outcome(NLMSG_ERROR, 0x300, number, request.subarray(0, 16), words)).toEqual(explained);
    expect(outcome(NLMSG_DONE, 0x202, number, words)).toEqual(explained);
  });

  it('that are too short are refused', () => {
    expect(() => outcome(NLMSG_ERROR, 0, Buffer.alloc(3))).toThrow('netlink: an outcome of');
    expect(() => outcome(NLMSG_ERROR, 0x200, number)).toThrow('netlink: an error of');
  });
});
