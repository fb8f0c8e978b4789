import { describe, expect, it } from 'vitest';
import { diskBytes, diskHeader, fletcher64, ROOT_START } from '../../../../build/guest/kata-disk.ts';

const MIB = 1 << 20;

/** First and last byte of the one partition of a table. */
function partition(header: Buffer, table: number): { type: number; start: number; end: number } {
  expect(header.readUInt16LE(table + 510)).toBe(0xaa55);
  expect(header.subarray(table + 462, table + 510).every((byte) => byte === 0)).toBe(true);
  const start = header.readUInt32LE(table + 454) * 512;
  return { type: header.readUInt8(table + 450), start, end: start + header.readUInt32LE(table + 458) * 512 };
}

describe('diskHeader()', () => {
  const header = diskHeader(256 * MIB);

  it('has the root at the same place by both tables', () => {
    expect(header).toHaveLength(ROOT_START);
    expect(partition(header, 0)).toEqual({ type: 0x83, start: 3 * MIB, end: 256 * MIB });
    // The memory device begins at 2 MiB.
    expect(partition(header, 2 * MIB)).toEqual({ type: 0x83, start: MIB, end: 254 * MIB });
  });

  it('has an info block that the kernel takes: signature, place and alignment of the data, checksum', () => {
    const block = Buffer.from(header.subarray(4096, 8192));
    expect(block.toString('latin1', 0, 16)).toBe('NVDIMM_PFN_INFO\0');
    // The parent's id: a namespace without labels has none.
    expect(block.subarray(32, 48).every((byte) => byte === 0)).toBe(true);
    expect([block.readUInt16LE(52), block.readUInt16LE(54)]).toEqual([1, 2]);
    expect(block.readBigUInt64LE(56)).toBe(BigInt(2 * MIB));
    expect(block.readUInt32LE(72)).toBe(1);
    expect(block.readUInt32LE(84)).toBe(2 * MIB);
    const checksum = block.readBigUInt64LE(4088);
    block.writeBigUInt64LE(0n, 4088);
    expect(fletcher64(block)).toBe(checksum);
  });
});

describe('diskBytes()', () => {
  it.each([
    [1, 128],
    [125 * MIB, 128],
    [125 * MIB + 1, 256],
  ])('for a root of %i bytes is %i MiB', (root, mib) => expect(diskBytes(root)).toBe(mib * MIB));
});

describe('fletcher64()', () => {
  it('keeps the low half to 32 bits, and the high half to what is left of 64', () => {
    expect(fletcher64(Buffer.alloc(8))).toBe(0n);
    // low: 0xffffffff, 0xfffffffe; high: their sum 0x1fffffffd, of which 32 bits are left.
    expect(fletcher64(Buffer.alloc(8, 0xff))).toBe(0xfffffffdfffffffen);
    expect(fletcher64(Buffer.from('0100000002000000', 'hex'))).toBe((4n << 32n) | 3n);
  });
});
