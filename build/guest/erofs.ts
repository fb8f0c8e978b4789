/** Makes the read-only root image. */
import { mustRun } from '../../src/host/program.ts';
import type { RootTree } from './rootfs.ts';
import { FILE_TIME, FILESYSTEM_UUID, fromStage, MKFS_TIMEOUT_MS, requireProgram } from './stage.ts';

/** `-x-1`: no extended attributes, which would carry the build machine's security labels. */
const OPTIONS = ['-x-1', `-T${FILE_TIME}`, `-U${FILESYSTEM_UUID}`, '--all-root', '--quiet'];

/**
 * How the root is packed. On a disk it is not: unpacking costs an emulated processor more than reading does. In an initrd
 * it is, since each byte of that is memory of the machine; clusters of 64 KiB take a fifth less than those of a page.
 */
const PACKING = { none: [], dense: ['-zlz4hc', '-C65536'] } as const;

/** See {@link PACKING}. */
export type ErofsPacking = keyof typeof PACKING;

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
export async function writeErofs(tree: RootTree, image: string, packing: ErofsPacking = 'none'): Promise<void> {
  const argv = [requireProgram('mkfs.erofs'), ...OPTIONS, ...PACKING[packing], image];
  await fromStage(tree, image, (stage) => [...argv, stage]);
}
