/** Lays a root out as files, from which a file system is made. */
import { chmod, constants, copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, mustRun } from '../../src/host/program.ts';
import { KataError } from '../../src/wire/error.ts';
import type { RootEntry, RootTree } from './rootfs.ts';

/** Programs that make file systems write 170 MB, which takes seconds; this only stops a hang. */
export const MKFS_TIMEOUT_MS = 5 * 60 * 1000;

/** One for every root: nothing ever tells two of them apart by it. */
export const FILESYSTEM_UUID = '6b617461-2d61-4765-8e74-2d726f6f7466';

/** Files are as old as this, in seconds since 1970: a time that programs take for real (some refuse 0). */
export const FILE_TIME = 946_684_800;

/** What the stage has beside the entries of its tree: the linker's cache. */
export const STAGE_FILES = ['/etc/ld.so.cache'] as const;

/** Permission bits of what stands at that path of a root. */
export function modeOf(path: string, entry: RootEntry): number {
  switch (entry.kind) {
    case 'directory':
      return path === '/tmp' ? 0o1777 : 0o755;
    case 'link':
      return 0o777;
    case 'text':
      return 0o644;
    case 'file':
      return entry.isProgram ? 0o755 : 0o644;
  }
}

/**
 * Copies a tree into a directory that is made for it.
 * @throws KataError ERR_COMMAND where the linker's cache cannot be written.
 */
export async function writeStage(tree: RootTree, stage: string): Promise<void> {
  await mkdir(stage, { mode: 0o755 });
  for (const [path, entry] of tree) {
    const target = join(stage, path);
    switch (entry.kind) {
      case 'directory':
        await mkdir(target);
        break;
      case 'link':
        await symlink(entry.target, target);
        break;
      case 'text':
        await writeFile(target, entry.text);
        break;
      case 'file':
        await copyFile(entry.source, target, constants.COPYFILE_FICLONE);
        break;
    }
    if (entry.kind !== 'link') await chmod(target, modeOf(path, entry));
  }
  // -X: the links by which libraries are looked for are there already.
  await mustRun([requireProgram('ldconfig'), '-X', '-r', stage], { timeoutMs: MKFS_TIMEOUT_MS });
}

/**
 * Makes an image of a tree by a program.
 * @param image file to be made; `<image>.tree` is used meanwhile.
 * @param argvOf command line for the directory with the tree's files.
 * @throws KataError ERR_COMMAND where the program failed.
 */
export async function fromStage(
  tree: RootTree,
  image: string,
  argvOf: (stage: string) => readonly string[],
): Promise<void> {
  const stage = `${image}.tree`;
  await writeStage(tree, stage);
  await mustRun(argvOf(stage), { timeoutMs: MKFS_TIMEOUT_MS });
  await rm(stage, { recursive: true });
}

/**
 * Path of a program of administration, which may not be in PATH.
 * @param packageName what has it, for the message, where that is not what a build needs anyway.
 * @throws KataError ERR_HOST where it is missing.
 */
export function requireProgram(name: string, packageName?: string): string {
  const path = findProgram(name, [`/usr/sbin/${name}`, `/sbin/${name}`]);
  if (path === undefined)
    throw new KataError(
      'ERR_HOST',
      `the program ${name} ${packageName === undefined ? '' : `of ${packageName} `}is missing`,
    );
  return path;
}
