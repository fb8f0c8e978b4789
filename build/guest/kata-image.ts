/** Builds the guest in the forms in which Kata's own shim loads one: `image=`, a disk, and `initrd=`, one archive. */
import { copyFile, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KATA_FILES, modulesInitrdOf } from '../../src/host/kata-image.ts';
import { cacheRoot } from '../../src/host/paths.ts';
import { mustRun } from '../../src/host/program.ts';
import { StageCache, stageKey } from './cache.ts';
import { erofsVersion, writeErofs } from './erofs.ts';
import { ext4Bytes, ext4Version, writeExt4 } from './ext4.ts';
import { buildInitrd } from './initrd.ts';
import { diskBytes, diskHeader, ROOT_START } from './kata-disk.ts';
import { type GuestKernel, modulesToLoad } from './kernel.ts';
import { loadOrder, missingModules, type WantedModule } from './modules.ts';
import { type GuestParts, gatherParts, ownAgent, treeInputs } from './parts.ts';
import { sizeTable } from './size-table.ts';
import { squashfsVersion, writeSquashfs } from './squashfs.ts';
import { MKFS_TIMEOUT_MS } from './stage.ts';

/** The two ways in which Kata's configuration names a guest; one file may name one of them only. */
export const KATA_FORMS = ['image', 'initrd'] as const;
export type KataForm = (typeof KATA_FORMS)[number];

/** File systems of the image: what `rootfs_type` of the configuration says. Shims before 3.0 always say ext4. */
export const KATA_ROOT_TYPES = ['ext4', 'erofs'] as const;
export type KataRootType = (typeof KATA_ROOT_TYPES)[number];

/** File systems of the archive's root, the best one first. */
export const KATA_ARCHIVE_TYPES = ['erofs', 'squashfs'] as const;
export type KataArchiveType = (typeof KATA_ARCHIVE_TYPES)[number];

/** What to build. */
export interface KataImageOptions {
  readonly forms: readonly KataForm[];
  readonly rootType: KataRootType;
  /** File system of the archive's root; the best one that the kernel has where it is not given. */
  readonly archiveType?: KataArchiveType;
  /** Directory that gets the files. */
  readonly output: string;
  readonly log: (line: string) => void;
  /** Where to build; the user's cache where it is not given. */
  readonly cacheDirectory?: string;
  /** The agent's bundle; that of this package where it is not given. */
  readonly agent?: string;
}

const IMAGE_STAGE = 'kata-image';
const ROOT_STAGE = 'kata-root';
const INITRD_STAGE = 'kata-initrd';

/** A file that was built, and what it is called in the output. */
interface Product {
  readonly name: string;
  readonly path: string;
}

/**
 * Writes the forms that are asked for, the kernel beside them. What is in the cache and up to date is not made again.
 * @returns the paths written.
 * @throws KataError ERR_HOST where this machine lacks something, ERR_COMMAND where a program failed.
 */
export async function buildKataImage(options: KataImageOptions): Promise<readonly string[]> {
  const directory = options.cacheDirectory ?? cacheRoot();
  await mkdir(directory, { recursive: true });
  const cache = new StageCache(directory);
  const onWait = (): void => options.log('kata-image: another build is running; waiting for it');
  return await cache.exclusively(() => buildLocked(cache, options), onWait);
}

async function buildLocked(cache: StageCache, options: KataImageOptions): Promise<readonly string[]> {
  const parts = await gatherParts(options.agent ?? ownAgent(), rootModules(options), cache, options.log);
  const products: Product[] = [{ name: KATA_FILES.kernel, path: parts.kernel.kernel }];
  if (options.forms.includes('image')) products.push(...(await imageForm(parts, options.rootType, cache)));
  if (options.forms.includes('initrd')) products.push(await initrdForm(parts, options, cache));
  await mkdir(options.output, { recursive: true });
  for (const product of products) await deliver(product, options.output);
  await cache.prune([IMAGE_STAGE, ROOT_STAGE, INITRD_STAGE]);
  const paths = products.map(({ name }) => join(options.output, name));
  for (const line of await sizes(paths)) options.log(line);
  return paths;
}

/** Modules of the roots' file systems. The kernel of a node may have only one of those of the archive. */
export function rootModules(options: Pick<KataImageOptions, 'forms' | 'rootType' | 'archiveType'>): WantedModule[] {
  const { forms, rootType, archiveType } = options;
  const archive = archiveType ?? KATA_ARCHIVE_TYPES;
  return [...(forms.includes('image') ? [rootType] : []), ...(forms.includes('initrd') ? [archive] : [])];
}

async function imageForm(parts: GuestParts, type: KataRootType, cache: StageCache): Promise<readonly Product[]> {
  const { manifest, kernel, tree, busybox, init } = parts;
  const version = type === 'ext4' ? await ext4Version() : await erofsVersion();
  const key = stageKey([['type', type], ['mkfs', version], ...(await treeInputs(tree))]);
  const { directory } = await cache.entry(IMAGE_STAGE, key, async (aside) => {
    const path = join(aside, KATA_FILES.image);
    await (type === 'ext4' ? writeExt4Disk(parts, path) : writeErofsDisk(parts, path));
  });
  const modules = modulesToLoad(kernel, [...manifest.modules.boot, ...manifest.modules.memoryRoot, type]);
  const consoleModules = loadOrder(kernel.index, manifest.modules.console);
  return [
    { name: KATA_FILES.image, path: join(directory, KATA_FILES.image) },
    {
      name: modulesInitrdOf(KATA_FILES.image),
      path: await buildInitrd({ kernel, busybox, init, modules, consoleModules }, cache, INITRD_STAGE),
    },
  ];
}

async function writeExt4Disk({ tree }: GuestParts, path: string): Promise<void> {
  const files = [...tree.values()].flatMap((entry) => (entry.kind === 'file' ? entry.source : []));
  const fileSizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const bytes = diskBytes(ext4Bytes(tree.size, fileSizes));
  await writeHeader(path, bytes);
  await writeExt4(tree, path, ROOT_START, bytes - ROOT_START);
}

async function writeErofsDisk({ tree }: GuestParts, path: string): Promise<void> {
  const root = `${path}.root`;
  await writeErofs(tree, root);
  const bytes = diskBytes((await stat(root)).size);
  await writeHeader(path, bytes);
  const copy = ['dd', `if=${root}`, `of=${path}`, 'bs=1M', `seek=${ROOT_START >> 20}`, 'conv=notrunc,sparse'];
  await mustRun(copy, { timeoutMs: MKFS_TIMEOUT_MS });
  await rm(root);
}

/** Makes the file in its whole size, with holes where nothing is written yet. */
async function writeHeader(path: string, bytes: number): Promise<void> {
  const file = await open(path, 'wx', 0o644);
  try {
    await file.write(diskHeader(bytes));
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
}

/**
 * The root is an image inside the archive, mounted from there: unpacked as files it would take the memory of the machine twice
 * over, and a shim's default is 256 MiB.
 */
async function initrdForm(parts: GuestParts, options: KataImageOptions, cache: StageCache): Promise<Product> {
  const { manifest, kernel, tree, busybox, init } = parts;
  const type = archiveTypeFor(kernel, options);
  const version = type === 'erofs' ? await erofsVersion() : await squashfsVersion();
  const name = `root.${type}`;
  const key = stageKey([['type', type], ['mkfs', version], ...(await treeInputs(tree))]);
  const { directory } = await cache.entry(ROOT_STAGE, key, async (aside) => {
    const path = join(aside, name);
    await (type === 'erofs' ? writeErofs(tree, path, 'dense') : writeSquashfs(tree, path));
  });
  const modules = modulesToLoad(kernel, [...manifest.modules.boot, ...manifest.modules.fileRoot, type]);
  const consoleModules = loadOrder(kernel.index, manifest.modules.console);
  const initrd = { kernel, busybox, init, modules, consoleModules, root: join(directory, name) };
  return { name: KATA_FILES.initrd, path: await buildInitrd(initrd, cache, INITRD_STAGE) };
}

function archiveTypeFor({ index, source }: GuestKernel, { archiveType, log }: KataImageOptions): KataArchiveType {
  if (archiveType !== undefined) return archiveType;
  if (missingModules(index, ['erofs']).length === 0) return 'erofs';
  log(`kata-image: ${source.version} has no erofs: the archive's root is squashfs`);
  return 'squashfs';
}

/** Copies it aside and renames it: a machine that has the old file mapped keeps it. Holes stay holes. */
async function deliver({ name, path }: Product, output: string): Promise<void> {
  const target = join(output, name);
  const aside = `${target}.${process.pid}`;
  try {
    if (name === KATA_FILES.image)
      await mustRun(['cp', '--sparse=always', path, aside], { timeoutMs: MKFS_TIMEOUT_MS });
    else await copyFile(path, aside);
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

async function sizes(paths: readonly string[]): Promise<string[]> {
  const rows = await Promise.all(paths.map(async (path) => ({ name: path, files: 1, bytes: (await stat(path)).size })));
  return sizeTable(rows);
}
