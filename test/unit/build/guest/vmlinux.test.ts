import { spawnSync } from 'node:child_process';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { extractVmlinux, hasPvhEntry } from '../../../../build/guest/vmlinux.ts';
import { findProgram } from '../../../../src/host/program.ts';

/** An ELF file with one note segment that holds the given notes. */
function elf(...notes: readonly { owner: string; type: number }[]): Buffer {
  const encoded = notes.map(({ owner, type }) => {
    const name = Buffer.from(`${owner}\0`);
    const head = Buffer.alloc(12);
    head.writeUInt32LE(name.length, 0);
    head.writeUInt32LE(4, 4);
    head.writeUInt32LE(type, 8);
    return Buffer.concat([head, name, Buffer.alloc(-name.length & 3), Buffer.alloc(4)]);
  });
  const body = Buffer.concat(encoded);
  const headers = Buffer.alloc(64 + 56);
  headers.write('\x7fELF', 0, 'latin1');
  headers.writeBigUInt64LE(64n, 32);
  headers.writeUInt16LE(56, 54);
  headers.writeUInt16LE(1, 56);
  headers.writeUInt32LE(4, 64);
  headers.writeBigUInt64LE(BigInt(headers.length), 64 + 8);
  headers.writeBigUInt64LE(BigInt(body.length), 64 + 32);
  return Buffer.concat([headers, body]);
}

/** A bzImage with that payload behind one setup sector. */
function bzImage(payload: Buffer, protocol = 0x20f): Buffer {
  const setup = Buffer.alloc(1024);
  setup.writeUInt8(1, 0x1f1);
  setup.write('HdrS', 0x202, 'latin1');
  setup.writeUInt16LE(protocol, 0x206);
  setup.writeUInt32LE(16, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, Buffer.alloc(16, 0xcc), payload, Buffer.alloc(100, 0xcc)]);
}

function withSize(packed: Buffer, size: number): Buffer {
  const tail = Buffer.alloc(4);
  tail.writeUInt32LE(size);
  return Buffer.concat([packed, tail]);
}

const KERNEL = elf({ owner: 'Xen', type: 18 });

describe('extractVmlinux', () => {
  it('unpacks gzip, whose own trailer is the size', async () => {
    expect(await extractVmlinux(bzImage(gzipSync(KERNEL)))).toEqual(KERNEL);
  });

  it('unpacks zstd with the size behind it', async () => {
    expect(await extractVmlinux(bzImage(withSize(zstdCompressSync(KERNEL), KERNEL.length)))).toEqual(KERNEL);
  });

  it('unpacks xz with the size behind it', async () => {
    const packed = spawnSync(findProgram('xz') ?? 'no xz', ['--compress', '--stdout'], { input: KERNEL }).stdout;
    expect(await extractVmlinux(bzImage(withSize(packed, KERNEL.length)))).toEqual(KERNEL);
  });

  it.each([
    ['no bzImage', Buffer.alloc(2000)],
    ['a file that is too short', Buffer.from('HdrS')],
    ['an old protocol', bzImage(gzipSync(KERNEL), 0x207)],
    ['an unknown packing', bzImage(Buffer.from('neither this nor that'))],
    ['something that is no kernel', bzImage(gzipSync(Buffer.from('hello')))],
    ['a kernel of another size than stated', bzImage(withSize(zstdCompressSync(KERNEL), KERNEL.length + 1))],
  ])('refuses %s', async (_what, image) => {
    await expect(extractVmlinux(image)).rejects.toMatchObject({ code: 'ERR_DECODE' });
  });
});

describe('hasPvhEntry', () => {
  it('finds the note behind others', () => {
    expect(hasPvhEntry(elf({ owner: 'Xen', type: 6 }, { owner: 'Linux', type: 256 }, { owner: 'Xen', type: 18 }))).toBe(
      true,
    );
  });

  it('is not misled by its number with another owner, nor by others of its owner', () => {
    expect(hasPvhEntry(elf({ owner: 'GNU', type: 18 }, { owner: 'Xen', type: 6 }))).toBe(false);
  });
});
