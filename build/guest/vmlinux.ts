/** Takes the uncompressed kernel out of a bzImage. */
import { KataError } from '../../src/wire/error.ts';
import { isElf, isGzip, unpack } from './unpack.ts';

/** Offsets into the setup header; the kernel's Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header". */
const SETUP_SECTORS = 0x1f1;
const HEADER_MAGIC = 0x202;
const PROTOCOL_VERSION = 0x206;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;

/** Since this version of the boot protocol the header says where the packed kernel lies. */
const MIN_PROTOCOL = 0x0208;

const SECTOR_BYTES = 512;

/** Number of setup sectors where the header says 0. */
const DEFAULT_SETUP_SECTORS = 4;

const SIZE_BYTES = 4;

/** ELF note with the 32-bit entry point for a hypervisor that loads the kernel itself (xen/include/public/elfnote.h). */
const PVH_NOTE_OWNER = 'Xen';
const PVH_NOTE_TYPE = 18;

const PROGRAM_HEADER_NOTE = 4;

/**
 * The kernel proper, an ELF file.
 * @throws KataError ERR_DECODE where the image is no bzImage, or is packed in an unknown way.
 */
export async function extractVmlinux(bzImage: Buffer): Promise<Buffer> {
  if (bzImage.length < PAYLOAD_LENGTH + 4 || bzImage.toString('latin1', HEADER_MAGIC, HEADER_MAGIC + 4) !== 'HdrS') {
    throw new KataError('ERR_DECODE', 'the kernel is not a bzImage');
  }
  if (bzImage.readUInt16LE(PROTOCOL_VERSION) < MIN_PROTOCOL) {
    throw new KataError('ERR_DECODE', 'the kernel is of a boot protocol before 2.08');
  }
  const sectors = bzImage.readUInt8(SETUP_SECTORS) || DEFAULT_SETUP_SECTORS;
  const start = (sectors + 1) * SECTOR_BYTES + bzImage.readUInt32LE(PAYLOAD_OFFSET);
  const payload = bzImage.subarray(start, start + bzImage.readUInt32LE(PAYLOAD_LENGTH));
  // The payload ends with the size of what it packs. gzip's own trailer is that; behind the others it was appended.
  const kernel = await unpack(isGzip(payload) ? payload : payload.subarray(0, -SIZE_BYTES));
  if (!isElf(kernel) || payload.readUInt32LE(payload.length - SIZE_BYTES) !== kernel.length) {
    throw new KataError('ERR_DECODE', 'what the bzImage packs is not a whole ELF kernel');
  }
  return kernel;
}

/** True where QEMU can start the ELF kernel directly, without the bzImage's own unpacking. */
export function hasPvhEntry(vmlinux: Buffer): boolean {
  // 64-bit ELF header: program headers at e_phoff (32), e_phentsize (54) bytes each, e_phnum (56) of them.
  const table = Number(vmlinux.readBigUInt64LE(32));
  const entryBytes = vmlinux.readUInt16LE(54);
  for (let index = 0; index < vmlinux.readUInt16LE(56); index++) {
    const at = table + index * entryBytes;
    if (vmlinux.readUInt32LE(at) !== PROGRAM_HEADER_NOTE) continue;
    const offset = Number(vmlinux.readBigUInt64LE(at + 8));
    const size = Number(vmlinux.readBigUInt64LE(at + 32));
    if (notesHavePvh(vmlinux.subarray(offset, offset + size))) return true;
  }
  return false;
}

function notesHavePvh(notes: Buffer): boolean {
  const aligned = (size: number): number => (size + 3) & ~3;
  for (let at = 0; at + 12 <= notes.length; ) {
    const ownerBytes = notes.readUInt32LE(at);
    const valueBytes = notes.readUInt32LE(at + 4);
    const owner = notes.toString('latin1', at + 12, at + 12 + Math.max(ownerBytes - 1, 0));
    if (owner === PVH_NOTE_OWNER && notes.readUInt32LE(at + 8) === PVH_NOTE_TYPE) return true;
    at += 12 + aligned(ownerBytes) + aligned(valueBytes);
  }
  return false;
}
