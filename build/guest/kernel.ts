/** Chooses the guest's kernel, and makes of it what the initrd and the root need. */
import { constants } from 'node:fs';
import { access, copyFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { KernelOrigin } from '../../src/host/image.ts';
import { KataError } from '../../src/wire/error.ts';
import { type StageCache, stageKey } from './cache.ts';
import { debianKernel } from './debian-kernel.ts';
import { indexModules } from './depmod.ts';
import type { ModuleList } from './manifest.ts';
import {
  chooseModules,
  loadOrder,
  type ModuleIndex,
  missingModules,
  readModuleIndex,
  type WantedModule,
} from './modules.ts';
import { unpack } from './unpack.ts';
import { extractVmlinux, hasPvhEntry } from './vmlinux.ts';

/** A kernel as some distribution packed it. */
export interface KernelSource {
  readonly origin: KernelOrigin;
  readonly version: string;
  /** The bzImage. */
  readonly image: string;
  /** Its directory of modules, with their index. */
  readonly modules: string;
}

/** A kernel as the guest takes it. */
export interface GuestKernel {
  readonly source: KernelSource;
  readonly kernel: string;
  /** Holds `lib/modules/<version>` with the chosen modules, unpacked, and an index of just these. */
  readonly tree: string;
  /** Of the chosen modules, and of what is built in. */
  readonly index: ModuleIndex;
}

/** Names a directory with an unpacked kernel package (`boot/vmlinuz-V` and `lib/modules/V`) to be taken instead. */
export const KERNEL_DIRECTORY_VARIABLE = 'KATA_SANDBOX_KERNEL';

const IMAGE_NAME = /^vmlinuz-(.+)$/;

/** What depmod writes for programs other than busybox's modprobe, or for udev. */
const UNUSED_INDEX = /\.bin$|^modules\.(devname|symbols)$/;

/**
 * The directory named by the environment; else this machine's own kernel where it can be read and has what the guest
 * needs; else Debian's cloud kernel.
 * @param root modules on the way to the guest's root, beside those of the list.
 * @throws KataError ERR_HOST saying which ways were tried.
 */
export async function chooseKernel(
  list: ModuleList,
  root: readonly WantedModule[],
  cache: StageCache,
  log: (line: string) => void,
): Promise<KernelSource> {
  const named = process.env[KERNEL_DIRECTORY_VARIABLE];
  if (named !== undefined && named !== '') {
    log(`kernel: from ${named}, as ${KERNEL_DIRECTORY_VARIABLE} says`);
    return await kernelIn(named);
  }
  const own = await hostKernel([...list.boot, ...list.required, ...root]);
  if (typeof own !== 'string') return own;
  log(`kernel: not this machine's own (${own}); taking Debian's cloud kernel`);
  const directory = await debianKernel(cache, log);
  return { ...(await kernelIn(directory)), origin: 'debian' };
}

/** This machine's kernel, or why it cannot be taken. */
async function hostKernel(wanted: readonly WantedModule[]): Promise<KernelSource | string> {
  const version = release();
  const modules = `/lib/modules/${version}`;
  const image = await firstReadable([`/boot/vmlinuz-${version}`, `${modules}/vmlinuz`]);
  if (image === undefined) return `no readable vmlinuz of ${version}`;
  try {
    const missing = missingModules(await readModuleIndex(modules), wanted);
    if (missing.length > 0) return `${version} lacks ${missing.join(', ')}`;
    return { origin: 'host', version, image, modules };
  } catch (error) {
    return KataError.from(error).message;
  }
}

async function kernelIn(root: string): Promise<KernelSource> {
  const names = await readdir(join(root, 'boot')).catch(() => []);
  const versions = names.flatMap((name) => IMAGE_NAME.exec(name)?.[1] ?? []);
  const [version] = versions;
  if (version === undefined || versions.length > 1) {
    throw new KataError('ERR_HOST', `kernel: ${root}/boot has ${versions.length} files vmlinuz-*, not one`);
  }
  const image = join(root, 'boot', `vmlinuz-${version}`);
  return { origin: 'directory', version, image, modules: join(root, 'lib/modules', version) };
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      await access(path, constants.R_OK);
      return path;
    } catch {
      // The next one may be.
    }
  }
  return undefined;
}

/**
 * Unpacks the kernel and the modules that the guest takes.
 * @throws KataError ERR_HOST naming modules that are needed and missing.
 */
export async function prepareKernel(
  source: KernelSource,
  list: ModuleList,
  root: readonly WantedModule[],
  cache: StageCache,
): Promise<GuestKernel> {
  const files = chooseModules(await readModuleIndex(source.modules), list, root);
  const bzImage = await readFile(source.image);
  const packed = await Promise.all(
    files.map(async (file) => [file, await readFile(join(source.modules, file))] as const),
  );
  const key = stageKey([['version', source.version], ['image', bzImage], ...packed]);
  const { directory } = await cache.entry('kernel', key, async (aside) => {
    await writeFile(join(aside, 'kernel'), await bootableKernel(bzImage));
    await writeModules(aside, source, packed);
  });
  return {
    source,
    kernel: join(directory, 'kernel'),
    tree: directory,
    index: await readModuleIndex(join(directory, 'lib/modules', source.version)),
  };
}

/**
 * The ELF kernel where QEMU can start that: under emulation the bzImage's own unpacking takes 0.4 s. Else the bzImage.
 */
async function bootableKernel(bzImage: Buffer): Promise<Buffer> {
  try {
    const vmlinux = await extractVmlinux(bzImage);
    return hasPvhEntry(vmlinux) ? vmlinux : bzImage;
  } catch (error) {
    // A way of packing that we do not know: slower, but a kernel all the same.
    if (error instanceof KataError && error.code === 'ERR_DECODE') return bzImage;
    throw error;
  }
}

/**
 * Paths below `lib/modules/<version>` of the modules that an initrd loads, in that order.
 * @throws KataError ERR_HOST naming those that the kernel has neither as modules nor built in.
 */
export function modulesToLoad({ source, index }: GuestKernel, names: readonly string[]): string[] {
  const missing = missingModules(index, names);
  if (missing.length > 0) throw new KataError('ERR_HOST', `${source.version} lacks the modules ${missing.join(', ')}`);
  return loadOrder(index, names);
}

function unpackedName(file: string): string {
  return join(dirname(file), basename(file).replace(/\.ko\..+$/, '.ko'));
}

async function writeModules(
  root: string,
  source: KernelSource,
  packed: readonly (readonly [file: string, content: Buffer])[],
): Promise<void> {
  const directory = join(root, 'lib/modules', source.version);
  for (const [file, content] of packed) {
    const target = join(directory, unpackedName(file));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, await unpack(content));
  }
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order']) {
    // Older kernels have no modinfo of what is built in.
    await copyFile(join(source.modules, name), join(directory, name)).catch(() => undefined);
  }
  await indexModules(root, source.version);
  for (const name of await readdir(directory)) {
    if (UNUSED_INDEX.test(name)) await rm(join(directory, name));
  }
}
