/**
 * Writer of the newc archive that the kernel unpacks as its first file system. Deterministic: inode numbers count up,
 * owner is root, times are zero, and the entries stand in the order of their paths.
 *
 * Format: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
 */

/** Something in the archive. Parent directories must be entries too. */
export type CpioEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly kind: 'character-device'; readonly path: string; readonly major: number; readonly minor: number };

/** File type bits of a mode, as in <sys/stat.h>. */
const TYPE_BITS = { directory: 0o040000, file: 0o100000, 'character-device': 0o020000 } as const;

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';

/** Header fields, names and contents each end on such a boundary, in bytes. */
const ALIGNMENT = 4;

/**
 * The archive of the given entries.
 * @param entries paths are relative, without a leading slash.
 */
export function encodeCpio(entries: readonly CpioEntry[]): Buffer {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const parts: Buffer[] = [];
  sorted.forEach((entry, index) => {
    const content = entry.kind === 'file' ? entry.content : new Uint8Array();
    const device = entry.kind === 'character-device' ? entry : { major: 0, minor: 0 };
    const fields = [
      index + 1,
      TYPE_BITS[entry.kind] | modeOf(entry),
      0, // uid
      0, // gid
      entry.kind === 'directory' ? 2 : 1, // links
      0, // mtime
      content.length,
      0, // major and minor of the device that the file lay on
      0,
      device.major,
      device.minor,
    ];
    parts.push(header(fields, entry.path), padded(Buffer.from(content)));
  });
  parts.push(header([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], TRAILER));
  return Buffer.concat(parts);
}

function modeOf(entry: CpioEntry): number {
  if (entry.kind === 'directory') return 0o755;
  return entry.kind === 'file' ? entry.mode : 0o600;
}

function header(fields: readonly number[], path: string): Buffer {
  const name = Buffer.from(`${path}\0`);
  // The last field would be a checksum, which this variant of the format leaves at 0.
  const numbers = [...fields, name.length, 0].map((field) => field.toString(16).padStart(8, '0').toUpperCase());
  return padded(Buffer.concat([Buffer.from(MAGIC + numbers.join('')), name]));
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % ALIGNMENT;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(ALIGNMENT - rest)]);
}
