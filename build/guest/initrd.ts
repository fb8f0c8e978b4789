/** Makes the initrd: busybox, the kernel modules that the way to the root needs, and the init that loads them. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type CpioEntry, encodeCpio } from '../../src/host/cpio.ts';
import { type StageCache, stageKey } from './cache.ts';
import type { GuestKernel } from './kernel.ts';
import { moduleName } from './modules.ts';

/** Where the initrd mounts things, /root being the root; its init moves /dev and /proc there. */
const DIRECTORIES = ['bin', 'dev', 'etc', 'lib', 'lib/modules', 'proc', 'root'];

/** One process of busybox mounts all of a table. */
const FIRST_MOUNTS = 'proc /proc proc defaults 0 0\ndev /dev devtmpfs nosuid 0 0\n';

/** What the initrd is made from. */
export interface InitrdParts {
  readonly kernel: GuestKernel;
  /** Path of a static busybox. */
  readonly busybox: string;
  /** Path of the init script. */
  readonly init: string;
  /** What it loads, in that order, as paths below `lib/modules/<version>`. */
  readonly modules: readonly string[];
  /** Likewise, what it loads before those where the command line names a virtio console. */
  readonly consoleModules?: readonly string[];
  /** `root.erofs` or `root.squashfs`: the init mounts it as the root in the place of a disk, and takes the type from its name. */
  readonly root?: string;
}

/**
 * Path of the initrd. It is not compressed: unpacking costs an emulated processor more than reading does.
 * @param stage of the cache that it becomes an entry of: each prunes its own.
 */
export async function buildInitrd(parts: InitrdParts, cache: StageCache, stage = 'initrd'): Promise<string> {
  const entries = await initrdEntries(parts);
  const archive = encodeCpio(entries);
  const { directory } = await cache.entry(stage, stageKey([['archive', archive]]), (aside) =>
    writeFile(join(aside, 'initrd'), archive),
  );
  return join(directory, 'initrd');
}

async function initrdEntries(parts: InitrdParts): Promise<CpioEntry[]> {
  const { kernel, busybox, init, modules, consoleModules = [], root } = parts;
  const target = `lib/modules/${kernel.source.version}`;
  const files = [...new Set([...modules, ...consoleModules])];
  const moduleFiles = await Promise.all(
    files.map(async (file) =>
      fileEntry(`${target}/${basename(file)}`, await readFile(join(kernel.tree, target, file))),
    ),
  );
  return [
    ...[...DIRECTORIES, target].map((path): CpioEntry => ({ kind: 'directory', path })),
    // The kernel opens it for the first process, before that can mount /dev.
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { ...fileEntry('bin/busybox', await readFile(busybox)), mode: 0o755 },
    { ...fileEntry('init', await readFile(init)), mode: 0o755 },
    fileEntry('etc/fstab-kernel', FIRST_MOUNTS),
    ...moduleFiles,
    ...(root === undefined ? [] : [fileEntry(basename(root), await readFile(root))]),
    // The order is worked out already, so the index says of each module that it needs no other.
    fileEntry(`${target}/modules.dep`, files.map((file) => `${basename(file)}:\n`).join('')),
    fileEntry('etc/modules', nameLine(modules)),
    ...(consoleModules.length === 0 ? [] : [fileEntry('etc/console-modules', nameLine(consoleModules))]),
  ];
}

function nameLine(files: readonly string[]): string {
  return files.length === 0 ? '' : `${files.map(moduleName).join(' ')}\n`;
}

function fileEntry(path: string, content: string | Uint8Array): CpioEntry & { readonly kind: 'file' } {
  return { kind: 'file', path, mode: 0o644, content: Buffer.from(content) };
}
