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

/** The init looks for it under this name. */
const ROOT_NAME = 'root.erofs';

/** What the initrd is made from. */
export interface InitrdParts {
  readonly kernel: GuestKernel;
  /** Path of a static busybox. */
  readonly busybox: string;
  /** Path of the init script. */
  readonly init: string;
  /** What it loads, in that order, as paths below `lib/modules/<version>`; the kernel's `bootModules` where not given. */
  readonly modules?: readonly string[];
  /** An erofs image that the init mounts as the root, in the place of a disk. */
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

async function initrdEntries({ kernel, busybox, init, modules: files, root }: InitrdParts): Promise<CpioEntry[]> {
  const modules = join(kernel.tree, 'lib/modules', kernel.source.version);
  const bootModules = files ?? kernel.bootModules;
  const names = bootModules.map((file) => basename(file));
  const target = `lib/modules/${kernel.source.version}`;
  const moduleFiles = await Promise.all(
    bootModules.map(async (file) => fileEntry(`${target}/${basename(file)}`, await readFile(join(modules, file)))),
  );
  return [
    ...[...DIRECTORIES, target].map((path): CpioEntry => ({ kind: 'directory', path })),
    // The kernel opens it for the first process, before that can mount /dev.
    { kind: 'character-device', path: 'dev/console', major: 5, minor: 1 },
    { ...fileEntry('bin/busybox', await readFile(busybox)), mode: 0o755 },
    { ...fileEntry('init', await readFile(init)), mode: 0o755 },
    fileEntry('etc/fstab-kernel', FIRST_MOUNTS),
    ...moduleFiles,
    ...(root === undefined ? [] : [fileEntry(ROOT_NAME, await readFile(root))]),
    // The order is worked out already, so the index says of each module that it needs no other.
    fileEntry(`${target}/modules.dep`, names.map((name) => `${name}:\n`).join('')),
    fileEntry('etc/modules', names.length === 0 ? '' : `${names.map(moduleName).join(' ')}\n`),
  ];
}

function fileEntry(path: string, content: string | Uint8Array): CpioEntry & { readonly kind: 'file' } {
  return { kind: 'file', path, mode: 0o644, content: Buffer.from(content) };
}
