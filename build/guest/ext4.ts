/** Makes the root as an ext4 file system, the same bytes from the same tree. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, runProgram } from '../../src/host/program.ts';
import { KataError } from '../../src/wire/error.ts';
import type { RootTree } from './rootfs.ts';
import {
  FILE_TIME,
  FILESYSTEM_UUID,
  MKFS_TIMEOUT_MS,
  modeOf,
  requireProgram,
  STAGE_FILES,
  writeStage,
} from './stage.ts';

/** Pages of the processor: only with blocks of that size can the kernel map files without a page cache (dax). */
const BLOCK_BYTES = 4096;
const INODE_BYTES = 256;
/** The least that ext4 takes. There must be a journal: the shim's `data=ordered` is refused without one. */
const JOURNAL_MIB = 4;
/** Inodes that the file system has of its own, and some to spare. */
const SPARE_INODES = 64;
/** Superblocks, descriptors, bitmaps and the blocks of large files' extents; generous, since holes take no space. */
const SPARE_BYTES = 8 << 20;

/**
 * Named one by one, with no configuration file: what a distribution sets as its default would become part of the bytes.
 * There are no checksums of metadata, which would make the kernel need a cipher module, and no inline data, which dax
 * excludes.
 */
const FEATURES = 'none,has_journal,ext_attr,filetype,extent,sparse_super,large_file,dir_index,extra_isize,flex_bg';

/** Both programs take this for the present time. */
const ENVIRONMENT = ['MKE2FS_CONFIG=/dev/null', `E2FSPROGS_FAKE_TIME=${FILE_TIME}`];

const SYMBOLIC_LINK = 0o120000;
const REGULAR_FILE = 0o100000;
const DIRECTORY = 0o040000;

/** Version line of mke2fs, and what it is told: inputs of what it makes. */
export async function ext4Version(): Promise<string> {
  const { stderr } = await runProgram([requireProgram('mke2fs'), '-V'], { timeoutMs: MKFS_TIMEOUT_MS });
  return `${stderr.split('\n')[0]} ${FEATURES} ${JOURNAL_MIB}`;
}

/** Bytes that a file system needs at least. @param fileBytes sizes of all files. */
export function ext4Bytes(entries: number, fileBytes: readonly number[]): number {
  const blocks = fileBytes.reduce((sum, bytes) => sum + Math.ceil(bytes / BLOCK_BYTES), 0);
  // A directory has a block at least.
  const data = (blocks + entries) * BLOCK_BYTES;
  return data + (entries + SPARE_INODES) * INODE_BYTES + (JOURNAL_MIB << 20) + SPARE_BYTES;
}

/**
 * Commands for debugfs(8) that fill an empty file system, in the order of the tree: inodes and blocks are given out as they
 * come, so the order is what makes the bytes the same.
 * @param stage directory with the files' contents.
 * @throws KataError ERR_INVALID_ARGUMENT for a path that the program could not be told.
 */
export function ext4Script(tree: RootTree, stage: string): string {
  const lines: string[] = [];
  const setMode = (path: string, mode: number): void =>
    void lines.push(`sif ${quoted(path)} mode 0${mode.toString(8)}`);
  for (const [path, entry] of tree) {
    const mode = modeOf(path, entry);
    if (entry.kind === 'directory') {
      lines.push(`mkdir ${quoted(path)}`);
      setMode(path, DIRECTORY | mode);
    } else if (entry.kind === 'link') {
      lines.push(`symlink ${quoted(path)} ${quoted(entry.target)}`);
      setMode(path, SYMBOLIC_LINK | mode);
    } else {
      lines.push(`write ${quoted(join(stage, path))} ${quoted(path)}`);
      setMode(path, REGULAR_FILE | mode);
    }
  }
  for (const path of STAGE_FILES) {
    lines.push(`write ${quoted(join(stage, path))} ${quoted(path)}`);
    setMode(path, REGULAR_FILE | 0o644);
  }
  return `${lines.join('\n')}\n`;
}

/** debugfs has no way to write a quotation mark inside of two. */
function quoted(path: string): string {
  if (/["\n\\]/.test(path)) throw new KataError('ERR_INVALID_ARGUMENT', `${JSON.stringify(path)} cannot go into ext4`);
  return `"${path}"`;
}

/**
 * Writes the file system of a tree into a file, from a place in it on.
 * @param image file that exists; `<image>.tree` and `<image>.commands` are used meanwhile.
 * @param bytes size of the file system, a multiple of 4 KiB.
 * @throws KataError ERR_COMMAND where the tree does not fit, or a program failed.
 */
export async function writeExt4(tree: RootTree, image: string, start: number, bytes: number): Promise<void> {
  const [stage, commands] = [`${image}.tree`, `${image}.commands`];
  await writeStage(tree, stage);
  await writeFile(commands, ext4Script(tree, stage));
  const inodes = tree.size + STAGE_FILES.length + SPARE_INODES;
  const extended = `offset=${start},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0,hash_seed=${FILESYSTEM_UUID}`;
  const run = { timeoutMs: MKFS_TIMEOUT_MS };
  await mustRun(
    [
      ...['env', ...ENVIRONMENT, requireProgram('mke2fs'), '-q', '-F', '-b', `${BLOCK_BYTES}`, '-I', `${INODE_BYTES}`],
      ...['-N', `${inodes}`, '-m', '0', '-O', FEATURES, '-J', `size=${JOURNAL_MIB}`, '-U', FILESYSTEM_UUID],
      ...['-E', extended, image, `${bytes >> 10}k`],
    ],
    run,
  );
  const place = `${image}?offset=${start}`;
  const { stderr } = await runProgram(
    ['env', ...ENVIRONMENT, requireProgram('debugfs'), '-w', '-f', commands, place],
    run,
  );
  // It ends with 0 whatever failed, and says so in lines behind the one with its version.
  const complaint = stderr.split('\n').filter((line) => line !== '' && !/^debugfs \d/.test(line));
  if (complaint.length > 0) throw new KataError('ERR_COMMAND', `debugfs: ${complaint.slice(0, 3).join('; ')}`);
  await mustRun([requireProgram('e2fsck'), '-f', '-n', place], run);
  await rm(stage, { recursive: true });
  await rm(commands);
}
