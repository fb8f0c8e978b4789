/** Unpacks the formats in which distributions store kernels and modules. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { findProgram, mustRun } from '../../src/host/program.ts';
import { KataError } from '../../src/wire/error.ts';
import { decodeLz4Legacy, LZ4_LEGACY_MAGIC } from './lz4.ts';

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const XZ_MAGIC = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const ELF_MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** A kernel unpacks in a second; this only stops a program that hangs. */
const UNPACK_TIMEOUT_MS = 120_000;

/** True where the bytes are an ELF file. */
export function isElf(bytes: Buffer): boolean {
  return startsWith(bytes, ELF_MAGIC);
}

/** True where the bytes are packed by gzip. */
export function isGzip(bytes: Buffer): boolean {
  return startsWith(bytes, GZIP_MAGIC);
}

/**
 * Unpacks gzip, zstd, xz and lz4 (legacy frame); an ELF file is returned as it is. The format shows in the first bytes.
 * @throws KataError ERR_DECODE where the format is another, ERR_HOST where xz is needed and missing.
 */
export async function unpack(bytes: Buffer): Promise<Buffer> {
  if (isElf(bytes)) return bytes;
  if (isGzip(bytes)) return gunzipSync(bytes);
  if (startsWith(bytes, ZSTD_MAGIC)) return zstdDecompressSync(bytes);
  if (startsWith(bytes, XZ_MAGIC)) return await unxz(bytes);
  if (bytes.length >= 4 && bytes.readUInt32LE(0) === LZ4_LEGACY_MAGIC) return decodeLz4Legacy(bytes);
  throw new KataError('ERR_DECODE', `no known packing starts with the bytes ${bytes.subarray(0, 6).toString('hex')}`);
}

function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic);
}

async function unxz(bytes: Buffer): Promise<Buffer> {
  const xz = findProgram('xz');
  if (xz === undefined) throw new KataError('ERR_HOST', 'the program xz is needed to unpack the kernel, and missing');
  const directory = await mkdtemp(join(tmpdir(), 'kata-unxz-'));
  try {
    await writeFile(join(directory, 'packed.xz'), bytes);
    await mustRun([xz, '--decompress', '--quiet', join(directory, 'packed.xz')], { timeoutMs: UNPACK_TIMEOUT_MS });
    return await readFile(join(directory, 'packed'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
