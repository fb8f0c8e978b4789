import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  HOST_CID,
  Op,
  TYPE_STREAM,
} from '../../../../src/wire/vsock/packet.ts';

const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

describe('the packet header', () => {
  it('lies in 44 bytes as struct virtio_vsock_hdr does', () => {
    const bytes = new Uint8Array(HEADER_BYTES);
    const header = {
      srcCid: HOST_CID,
      dstCid: 0x0807060504030201n,
      srcPort: 1024,
      dstPort: 0xfffffffe,
      length: 0x11223344,
      type: TYPE_STREAM,
      op: Op.CREDIT_UPDATE,
      flags: 3,
      bufAlloc: 262_144,
      fwdCnt: 0x89abcdef,
    };
    encodeHeader(header, bytes);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '0200000000000000' +
        '0102030405060708' +
        '00040000' +
        'feffffff' +
        '44332211' +
        '0100' +
        '0600' +
        '03000000' +
        '00000400' +
        'efcdab89',
    );
    expect(decodeHeader(bytes)).toEqual(header);
  });

  it('decodes to what was encoded, at any offset', () => {
    const any = fc.record({
      srcCid: u64,
      dstCid: u64,
      srcPort: u32,
      dstPort: u32,
      length: u32,
      type: u16,
      op: u16,
      flags: u32,
      bufAlloc: u32,
      fwdCnt: u32,
    });
    fc.assert(
      fc.property(any, fc.integer({ min: 0, max: 9 }), (header, offset) => {
        const bytes = new Uint8Array(offset + HEADER_BYTES).subarray(offset);
        encodeHeader(header, bytes);
        expect(decodeHeader(bytes)).toEqual(header);
      }),
    );
  });

  it('is not read from fewer bytes', () => {
    expect(() => decodeHeader(new Uint8Array(HEADER_BYTES - 1))).toThrow(RangeError);
  });
});
