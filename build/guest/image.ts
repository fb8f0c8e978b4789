/** Builds the guest image: kernel, initrd and root, each only where what it is made from has changed. */
import { createHash } from 'node:crypto';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { encodeImageManifest, findImage, type GuestImage, IMAGE_MANIFEST } from '../../src/host/image.ts';
import { packageRoot } from '../../src/host/package-root.ts';
import { cacheRoot } from '../../src/host/paths.ts';
import { StageCache, stageKey } from './cache.ts';
import { DEBIAN_KERNEL_STAGE } from './debian-kernel.ts';
import { erofsVersion, writeErofs } from './erofs.ts';
import { inputsUnchanged, recordInputs } from './freshness.ts';
import { buildInitrd } from './initrd.ts';
import { modulesToLoad } from './kernel.ts';
import { fileHash, type GuestParts, gatherParts, ownAgent, treeInputs } from './parts.ts';
import type { RootTree } from './rootfs.ts';
import { type SizeRow, sizeTable } from './size-table.ts';

/** What a build may be told. */
export interface BuildOptions {
  /** Gets each line of progress, and the size table at the end. */
  readonly log: (line: string) => void;
  /** Where to build; the user's cache where it is not given. */
  readonly cacheDirectory?: string;
  /** The agent's bundle; that of this package where it is not given. */
  readonly agent?: string;
}

const INPUT_RECORD = 'image-inputs.json';
/** File system of the root, and the module for it. */
const ROOT_TYPE = 'erofs';
const ROOT_STAGE = 'rootfs';
/** Roots with other agents, which would push those with ours out of their stage. */
const FOREIGN_ROOT_STAGE = 'foreign-rootfs';

/**
 * Builds what is missing or out of date.
 * @throws KataError ERR_HOST where this machine lacks something, ERR_COMMAND where a program failed.
 */
export async function buildImage(options: BuildOptions): Promise<GuestImage> {
  const directory = options.cacheDirectory ?? cacheRoot();
  await mkdir(directory, { recursive: true });
  const cache = new StageCache(directory);
  const onWait = (): void => options.log('image: another build is running; waiting for it');
  return await cache.exclusively(() => buildLocked(cache, options), onWait);
}

async function buildLocked(cache: StageCache, options: BuildOptions): Promise<GuestImage> {
  const { log } = options;
  const started = performance.now();
  const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1);
  const root = packageRoot();
  const record = join(cache.directory, INPUT_RECORD);
  const agent = options.agent ?? ownAgent();

  const present = presentImage(cache.directory);
  if (present !== undefined && (await inputsUnchanged(record, root, agent))) {
    log(`image: up to date (${present.id.slice(0, 12)}, kernel ${present.kernelVersion})`);
    return present;
  }

  const parts = await gatherParts(agent, [ROOT_TYPE], cache, log);
  const { kernel, tree } = parts;
  const image = await assemble(parts, cache, ROOT_STAGE, (wasCached) =>
    log(`root: ${wasCached ? 'unchanged' : `built, ${seconds()} s so far`}`),
  );
  await publish(image, cache.directory);
  await recordInputs(record, [kernel.source.image, ...sources(tree)], root, agent);
  await cache.prune(['kernel', 'initrd', ROOT_STAGE, DEBIAN_KERNEL_STAGE]);
  for (const line of await sizeReport(tree, image)) log(line);
  log(`image: ${image.id.slice(0, 12)} in ${seconds()} s`);
  return image;
}

/**
 * Builds the image with another agent in the place of ours. It stays in the cache and does not become this machine's image.
 * @param options `agent` is a bundle for Node, or a program, which comes with the libraries that it needs.
 * @throws KataError as {@link buildImage}.
 */
export async function buildForeignImage(
  options: Omit<BuildOptions, 'agent'> & { readonly agent: string },
): Promise<GuestImage> {
  const cache = new StageCache(options.cacheDirectory ?? cacheRoot());
  const onWait = (): void => options.log('image: another build is running; waiting for it');
  return await cache.exclusively(async () => {
    const parts = await gatherParts(options.agent, [ROOT_TYPE], cache, options.log);
    const image = await assemble(parts, cache, FOREIGN_ROOT_STAGE, () => {});
    await cache.prune([FOREIGN_ROOT_STAGE]);
    return image;
  }, onWait);
}

/** Makes the three files. @param onRoot called when the root is there. */
async function assemble(
  { manifest, kernel, tree, busybox, init }: GuestParts,
  cache: StageCache,
  stage: string,
  onRoot: (wasCached: boolean) => void,
): Promise<GuestImage> {
  const modules = modulesToLoad(kernel, [...manifest.modules.boot, ROOT_TYPE]);
  const initrd = await buildInitrd({ kernel, busybox, init, modules }, cache);
  const { rootfs, wasCached } = await buildRoot(tree, cache, stage);
  onRoot(wasCached);
  const hashes = await Promise.all([kernel.kernel, initrd, rootfs].map(fileHash));
  return {
    kernel: kernel.kernel,
    initrd,
    rootfs,
    kernelVersion: kernel.source.version,
    kernelOrigin: kernel.source.origin,
    id: createHash('sha256').update(hashes.join()).digest('hex'),
  };
}

function presentImage(directory: string): GuestImage | undefined {
  try {
    return findImage(directory);
  } catch {
    return undefined; // not built, or damaged: built anew
  }
}

async function buildRoot(
  tree: RootTree,
  cache: StageCache,
  stage: string,
): Promise<{ rootfs: string; wasCached: boolean }> {
  const key = stageKey([['mkfs', await erofsVersion()], ...(await treeInputs(tree))]);
  const { directory, wasCached } = await cache.entry(stage, key, (aside) =>
    writeErofs(tree, join(aside, 'root.erofs')),
  );
  return { rootfs: join(directory, 'root.erofs'), wasCached };
}

function sources(tree: RootTree): string[] {
  return [...tree.values()].flatMap((entry) => (entry.kind === 'file' ? entry.source : []));
}

/** The manifest is replaced as a whole, so whoever reads it sees one image or the other. */
async function publish(image: GuestImage, directory: string): Promise<void> {
  const within = (path: string): string => relative(directory, path);
  const text = encodeImageManifest({
    ...image,
    kernel: within(image.kernel),
    initrd: within(image.initrd),
    rootfs: within(image.rootfs),
  });
  const aside = join(directory, `${IMAGE_MANIFEST}.${process.pid}`);
  await writeFile(aside, text);
  await rename(aside, join(directory, IMAGE_MANIFEST));
}

async function sizeReport(tree: RootTree, image: GuestImage): Promise<string[]> {
  const groups = new Map<string, SizeRow>();
  for (const entry of tree.values()) {
    if (entry.kind !== 'file') continue;
    const row = groups.get(entry.group) ?? { name: entry.group, files: 0, bytes: 0 };
    const { size } = await stat(entry.source);
    groups.set(entry.group, { name: entry.group, files: row.files + 1, bytes: row.bytes + size });
  }
  const parts = await Promise.all(
    (['kernel', 'initrd', 'rootfs'] as const).map(
      async (name): Promise<SizeRow> => ({ name, files: 1, bytes: (await stat(image[name])).size }),
    ),
  );
  return ['root, by what it holds:', ...sizeTable([...groups.values()]), 'image:', ...sizeTable(parts)];
}
