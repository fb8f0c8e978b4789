/** What every form of the guest is made from: a kernel with its modules, and the files of the root. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { packageRoot } from '../../src/host/package-root.ts';
import { hasErrno, KataError } from '../../src/wire/error.ts';
import type { StageCache } from './cache.ts';
import { chooseKernel, type GuestKernel, prepareKernel } from './kernel.ts';
import { type GuestManifest, parseGuestManifest } from './manifest.ts';
import type { WantedModule } from './modules.ts';
import { type RootEntry, type RootTree, rootTree } from './rootfs.ts';

/** See above. */
export interface GuestParts {
  readonly manifest: GuestManifest;
  readonly kernel: GuestKernel;
  readonly tree: RootTree;
  /** Path of a static busybox. */
  readonly busybox: string;
  /** Path of the initrd's init. */
  readonly init: string;
}

/** The agent's bundle in this package. */
export function ownAgent(): string {
  return join(packageRoot(), 'dist/kata-agent.cjs');
}

/**
 * Finds all parts, and unpacks the kernel.
 * @param agent the agent as one file.
 * @param root modules on the way to the root, beside those of the manifest: its file system at least.
 * @throws KataError ERR_HOST where this machine lacks something.
 */
export async function gatherParts(
  agent: string,
  root: readonly WantedModule[],
  cache: StageCache,
  log: (line: string) => void,
): Promise<GuestParts> {
  await requireAgent(agent);
  const ours = packageRoot();
  const manifest = parseGuestManifest(await readFile(join(ours, 'rootfs/manifest.toml'), 'utf8'));
  const source = await chooseKernel(manifest.modules, root, cache, log);
  const kernel = await prepareKernel(source, manifest.modules, root, cache);
  log(`kernel: ${source.version} (${source.origin})`);
  const tree = await rootTree({ packageRoot: ours, manifest, kernel, agent });
  return { manifest, kernel, tree, busybox: staticBusybox(manifest, tree), init: join(ours, 'rootfs/initrd-init') };
}

async function requireAgent(agent: string): Promise<void> {
  try {
    await stat(agent);
  } catch (cause) {
    if (!hasErrno(cause, 'ENOENT')) throw cause;
    throw new KataError('ERR_HOST', `the agent's bundle ${agent} is missing; "npm run build" makes it`, { cause });
  }
}

function staticBusybox(manifest: GuestManifest, tree: RootTree): string {
  const path = manifest.programs.find(({ isStatic }) => isStatic)?.path;
  const entry = path === undefined ? undefined : tree.get(path);
  if (entry?.kind !== 'file') throw new KataError('ERR_INVALID_ARGUMENT', 'manifest: no program is static');
  return entry.source;
}

/** A tree as inputs of a stage: the same pairs if and only if two trees look the same in the guest. */
export async function treeInputs(tree: RootTree): Promise<(readonly [path: string, description: string])[]> {
  return await Promise.all([...tree].map(async ([path, entry]) => [path, await describeEntry(entry)] as const));
}

async function describeEntry(entry: RootEntry): Promise<string> {
  if (entry.kind !== 'file') return JSON.stringify(entry);
  return `file ${entry.isProgram} ${await fileHash(entry.source)}`;
}

/** SHA-256 of a file's content, as hex. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}
