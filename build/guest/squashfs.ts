/** Makes the root as a squashfs image, for the archive of a kernel that has no erofs. */
import { mustRun } from '../../src/host/program.ts';
import type { RootTree } from './rootfs.ts';
import { FILE_TIME, fromStage, MKFS_TIMEOUT_MS, requireProgram } from './stage.ts';

/**
 * - gzip: the packing that no kernel with squashfs goes without; zstd came to it late, and xz costs the guest more. At level
 *   6 it takes a quarter of the time that 9, the program's own choice, takes for half a percent;
 * - no extended attributes, which would carry the build machine's security labels.
 */
const OPTIONS = [
  ...['-comp', 'gzip', '-Xcompression-level', '6'],
  ...['-no-xattrs', '-all-root', '-noappend', '-no-progress', '-quiet'],
  ...['-all-time', `${FILE_TIME}`, '-mkfs-time', `${FILE_TIME}`],
];

function mksquashfs(): string {
  return requireProgram('mksquashfs', 'squashfs-tools');
}

/** Version line of mksquashfs, and what it is told: inputs of what it makes. */
export async function squashfsVersion(): Promise<string> {
  const said = await mustRun([mksquashfs(), '-version'], { timeoutMs: MKFS_TIMEOUT_MS });
  return [said.split('\n')[0], ...OPTIONS].join(' ');
}

/**
 * Writes the image of a tree.
 * @param image file to be made; `<image>.tree` is used meanwhile.
 */
export async function writeSquashfs(tree: RootTree, image: string): Promise<void> {
  // Where the variable is set the program takes no times from its options.
  const argv = ['env', '-u', 'SOURCE_DATE_EPOCH', mksquashfs()];
  await fromStage(tree, image, (stage) => [...argv, stage, image, ...OPTIONS]);
}
