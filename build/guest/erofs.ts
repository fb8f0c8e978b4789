/** Makes the read-only root image. */
import { chmod, constants, copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, mustRun } from '../../src/host/program.ts';
import { KataError } from '../../src/wire/error.ts';
import type { RootTree } from './rootfs.ts';

/** Writing 170 MB takes seconds; this only stops a hang. */
const MKFS_TIMEOUT_MS = 5 * 60 * 1000;

/** One for every image: nothing ever tells two roots apart by it. */
const FILESYSTEM_UUID = '6b617461-2d61-4765-8e74-2d726f6f7466';

/** Files are as old as this, in seconds since 1970: a time that programs take for real (some refuse 0). */
const FILE_TIME = 946_684_800;

/**
 * - `-x-1`: no extended attributes, which would carry the build machine's security labels.
 * - no compression: unpacking costs an emulated processor more than reading does.
 */
const OPTIONS = ['-x-1', `-T${FILE_TIME}`, `-U${FILESYSTEM_UUID}`, '--all-root', '--quiet'];

/** Version line of mkfs.erofs, which is an input of what it makes. */
export async function erofsVersion(): Promise<string> {
  // Old ones print it to the error stream, and some end with 1.
  const argv = [requireProgram('mkfs.erofs'), '--version'];
  return (await mustRun(['sh', '-c', '"$0" --version 2>&1 || true', ...argv], { timeoutMs: MKFS_TIMEOUT_MS })).trim();
}

/**
 * Writes the image of a tree.
 * @param image file to be made; `<image>.tree` is used meanwhile.
 */
export async function writeErofs(tree: RootTree, image: string): Promise<void> {
  const stage = `${image}.tree`;
  await mkdir(stage, { mode: 0o755 });
  for (const [path, entry] of tree) {
    const target = join(stage, path);
    switch (entry.kind) {
      case 'directory':
        await mkdir(target);
        await chmod(target, path === '/tmp' ? 0o1777 : 0o755);
        break;
      case 'link':
        await symlink(entry.target, target);
        break;
      case 'text':
        await writeFile(target, entry.text);
        await chmod(target, 0o644);
        break;
      case 'file':
        await copyFile(entry.source, target, constants.COPYFILE_FICLONE);
        await chmod(target, entry.isProgram ? 0o755 : 0o644);
        break;
    }
  }
  // -X: the links by which libraries are looked for are there already.
  await mustRun([requireProgram('ldconfig'), '-X', '-r', stage], { timeoutMs: MKFS_TIMEOUT_MS });
  await mustRun([requireProgram('mkfs.erofs'), ...OPTIONS, image, stage], { timeoutMs: MKFS_TIMEOUT_MS });
  await rm(stage, { recursive: true });
}

function requireProgram(name: string): string {
  const path = findProgram(name, [`/usr/sbin/${name}`, `/sbin/${name}`]);
  if (path === undefined) throw new KataError('ERR_HOST', `the program ${name} is missing`);
  return path;
}
