import { describe, expect, it } from 'vitest';
import {
  answerConfig,
  decodeMemoryRegion,
  decodeMemoryTable,
  decodeMessageHeader,
  decodeVringAddress,
  decodeVringFd,
  decodeVringState,
  encodeReply,
  encodeU64,
  encodeVringState,
  Request,
} from '../../../../src/host/vsock/vhost-user.ts';

function numbers(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, index * 4);
  return bytes;
}

const protocolError = expect.objectContaining({ code: 'ERR_PROTOCOL' });

describe('a message header', () => {
  it('is request, flags and size', () => {
    expect(decodeMessageHeader(numbers(5, 1, 264))).toEqual({ request: 5, needReply: false, size: 264 });
    expect(decodeMessageHeader(numbers(9, 9, 40)).needReply).toBe(true);
  });

  it('is refused with another version, or a body above the limit', () => {
    expect(() => decodeMessageHeader(numbers(5, 2, 0))).toThrow(protocolError);
    expect(() => decodeMessageHeader(numbers(5, 1, 4097))).toThrow(protocolError);
  });

  it('of a reply has version and reply flag', () => {
    expect(encodeReply(Request.GET_FEATURES, encodeU64(7n)).toString('hex')).toBe(
      '01000000' + '05000000' + '08000000' + '0700000000000000',
    );
  });
});

describe('bodies', () => {
  it('of a ring state go both ways', () => {
    expect(decodeVringState(encodeVringState({ index: 1, value: 128 }))).toEqual({ index: 1, value: 128 });
    expect(() => decodeVringState(Buffer.alloc(7))).toThrow(protocolError);
  });

  it('of ring addresses are descriptor, used and available', () => {
    const body = Buffer.concat([
      numbers(1, 0),
      encodeU64(0x1000n),
      encodeU64(0x2000n),
      encodeU64(0x3000n),
      encodeU64(0n),
    ]);
    expect(decodeVringAddress(body)).toEqual({ index: 1, descriptors: 0x1000, used: 0x2000, available: 0x3000 });
    const beyond = Buffer.concat([numbers(1, 0), encodeU64(2n ** 60n), Buffer.alloc(24)]);
    expect(() => decodeVringAddress(beyond)).toThrow(protocolError);
  });

  it('of ring descriptors say whether one comes along', () => {
    expect(decodeVringFd(encodeU64(1n))).toEqual({ index: 1, hasFd: true });
    expect(decodeVringFd(encodeU64(0x101n))).toEqual({ index: 1, hasFd: false });
  });

  it('of memory tables have as many regions as they say', () => {
    const region = Buffer.concat([0x100000n, 0x4000n, 0x7f0000000000n, 0x1000n].map(encodeU64));
    const place = { guestAddress: 0x100000, size: 0x4000, userAddress: 0x7f0000000000, fileOffset: 0x1000 };
    expect(decodeMemoryTable(Buffer.concat([numbers(2, 0), region, region]))).toEqual([place, place]);
    expect(() => decodeMemoryTable(Buffer.concat([numbers(2, 0), region]))).toThrow(protocolError);
    expect(() => decodeMemoryTable(numbers(0xffffffff, 0))).toThrow(protocolError);
    expect(decodeMemoryRegion(Buffer.concat([encodeU64(0n), region]))).toEqual(place);
  });
});

describe('answerConfig()', () => {
  const config = encodeU64(0x0102030405060708n);

  it('fills in the part that is asked for', () => {
    const answer = answerConfig(Buffer.concat([numbers(2, 4, 0), Buffer.alloc(4, 0xff)]), config);
    expect(answer.toString('hex')).toBe('02000000' + '04000000' + '00000000' + '06050403');
  });

  it('reads zero beyond the configuration', () => {
    const answer = answerConfig(Buffer.concat([numbers(6, 4, 0), Buffer.alloc(4, 0xff)]), config);
    expect(answer.subarray(12).toString('hex')).toBe('02010000');
    expect(answerConfig(Buffer.concat([numbers(9, 4, 0), Buffer.alloc(4, 0xff)]), config).readUInt32LE(12)).toBe(0);
  });

  it('refuses a body shorter than what it asks for', () => {
    expect(() => answerConfig(numbers(0, 256, 0), config)).toThrow(protocolError);
  });
});
