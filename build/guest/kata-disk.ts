/**
 * The layout of the disk that Kata's shim gives its machine as `image=`: a partition table twice over, so that the same
 * file serves as a disk (/dev/vda1) and as a memory device that can be mapped without a page cache (/dev/pmem0p1).
 *
 * ```
 * 0        partition table, as a disk has it: the root begins at 3 MiB
 * 4 KiB    info block of the kernel's memory device driver: what follows from 2 MiB on is the device
 * 2 MiB    partition table, as the memory device has it: the root begins at 1 MiB of the device
 * 3 MiB    the root's file system, up to the end
 * ```
 *
 * Without the info block an NFIT device has no `struct page`s, and the kernel refuses `rootflags=dax`, which the shim asks
 * for; a device of virtio-pmem takes it as well.
 */
import { Buffer } from 'node:buffer';

const MIB = 1 << 20;
const SECTOR_BYTES = 512;

/** Where the memory device begins in the file. Pages of 2 MiB map onto it as onto the file. */
const DEVICE_START = 2 * MIB;

/** Where the root's file system begins in the file. */
export const ROOT_START = 3 * MIB;

/** The file's size is a multiple of this: the kernel takes memory devices in sections of 128 MiB (x86's SECTION_SIZE_BITS). */
const FILE_ALIGNMENT = 128 * MIB;

/** linux/drivers/nvdimm: where the driver looks for its info block, from the start of the namespace. */
const INFO_BLOCK_START = 4096;
const INFO_BLOCK_BYTES = 4096;

// struct nd_pfn_sb of linux/drivers/nvdimm/pfn.h, little endian; what is not named here is zero.
const SIGNATURE = 'NVDIMM_PFN_INFO';
const UUID_OFFSET = 16;
const MAJOR_OFFSET = 52;
const MINOR_OFFSET = 54;
const DATA_OFFSET = 56;
const MODE_OFFSET = 72;
const ALIGN_OFFSET = 84;
const CHECKSUM_OFFSET = INFO_BLOCK_BYTES - 8;
/** Version 1.2 is the first with an alignment, and the last without sizes that depend on the kernel's build. */
const VERSION = { major: 1, minor: 2 } as const;
/** The kernel keeps its `struct page`s in ordinary memory: PFN_MODE_RAM. */
const MODE_RAM = 1;
/** Any but zero. */
const DEVICE_UUID = Buffer.from('6b6174612d70466e8d656d2d726f6f74', 'hex');

// The partition table of a PC's master boot record.
const DISK_SIGNATURE_OFFSET = 440;
const ENTRY_OFFSET = 446;
const BOOT_SIGNATURE_OFFSET = 510;
const BOOT_SIGNATURE = 0xaa55;
const TYPE_LINUX = 0x83;
/** The kernel names a partition by it in PARTUUID=; `kata` in ASCII. */
const DISK_SIGNATURE = 0x61_74_61_6b;
/** Heads, sectors and cylinders of a place that only sector numbers reach. */
const BEYOND_CHS = [0xfe, 0xff, 0xff] as const;

/** Size of the file for a root of so many bytes. */
export function diskBytes(rootBytes: number): number {
  return Math.ceil((ROOT_START + rootBytes) / FILE_ALIGNMENT) * FILE_ALIGNMENT;
}

/** What stands before the root, {@link ROOT_START} bytes. @param fileBytes size of the whole file. */
export function diskHeader(fileBytes: number): Buffer {
  const header = Buffer.alloc(ROOT_START);
  partitionTable(ROOT_START, fileBytes).copy(header, 0);
  infoBlock().copy(header, INFO_BLOCK_START);
  partitionTable(ROOT_START - DEVICE_START, fileBytes - DEVICE_START).copy(header, DEVICE_START);
  return header;
}

/** A table with one partition, from `start` to the end of a device of so many bytes. */
function partitionTable(start: number, bytes: number): Buffer {
  const table = Buffer.alloc(SECTOR_BYTES);
  table.writeUInt32LE(DISK_SIGNATURE, DISK_SIGNATURE_OFFSET);
  const entry = table.subarray(ENTRY_OFFSET);
  entry.set(BEYOND_CHS, 1);
  entry.writeUInt8(TYPE_LINUX, 4);
  entry.set(BEYOND_CHS, 5);
  entry.writeUInt32LE(start / SECTOR_BYTES, 8);
  entry.writeUInt32LE((bytes - start) / SECTOR_BYTES, 12);
  table.writeUInt16LE(BOOT_SIGNATURE, BOOT_SIGNATURE_OFFSET);
  return table;
}

function infoBlock(): Buffer {
  const block = Buffer.alloc(INFO_BLOCK_BYTES);
  block.write(SIGNATURE, 'latin1');
  DEVICE_UUID.copy(block, UUID_OFFSET);
  block.writeUInt16LE(VERSION.major, MAJOR_OFFSET);
  block.writeUInt16LE(VERSION.minor, MINOR_OFFSET);
  block.writeBigUInt64LE(BigInt(DEVICE_START), DATA_OFFSET);
  block.writeUInt32LE(MODE_RAM, MODE_OFFSET);
  block.writeUInt32LE(DEVICE_START, ALIGN_OFFSET);
  block.writeBigUInt64LE(fletcher64(block), CHECKSUM_OFFSET);
  return block;
}

/** Checksum of the driver's info blocks, over all words with the checksum's own place zero: nd_fletcher64(). */
export function fletcher64(bytes: Buffer): bigint {
  let low = 0;
  let high = 0n;
  for (let offset = 0; offset < bytes.length; offset += 4) {
    low = (low + bytes.readUInt32LE(offset)) >>> 0;
    high += BigInt(low);
  }
  return BigInt.asUintN(64, (high << 32n) | BigInt(low));
}
