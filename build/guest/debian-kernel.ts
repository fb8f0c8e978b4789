/** Downloads Debian's cloud kernel with apt and unpacks it. It is never installed. */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { findProgram, mustRun, runProgram } from '../../src/host/program.ts';
import { KataError } from '../../src/wire/error.ts';
import type { StageCache } from './cache.ts';
import { indexModules } from './depmod.ts';

/** Depends on the newest kernel for virtual machines. */
const META_PACKAGE = 'linux-image-cloud-amd64';

export const DEBIAN_KERNEL_STAGE = 'debian-kernel';

/** A slow mirror may need long for 27 MB; without any end a dead one would hang the build. */
const DOWNLOAD_TIMEOUT_MS = 15 * 60 * 1000;

/** apt-cache and dpkg-deb work on local files. */
const LOCAL_TIMEOUT_MS = 5 * 60 * 1000;

/** The package that is to be taken: a name and an exact version. */
export interface KernelPackage {
  readonly name: string;
  readonly version: string;
}

/** The kernel that a paragraph of the meta package (`apt-cache show`) depends on. */
export function kernelPackageOf(paragraph: string): KernelPackage | undefined {
  const match = /^Depends:.*?\b(linux-image-[^\s,]+) \(= ([^\s)]+)\)/m.exec(paragraph);
  const [, name, version] = match ?? [];
  return name === undefined || version === undefined ? undefined : { name, version };
}

/**
 * A directory with `boot/vmlinuz-V` and an indexed `lib/modules/V`. The newest version that apt knows is taken; where it
 * is in the cache nothing is downloaded, and where apt knows or reaches none, what the cache has serves on.
 * @throws KataError ERR_HOST where there is no way to a kernel.
 */
export async function debianKernel(cache: StageCache, log: (line: string) => void): Promise<string> {
  try {
    return await newestKernel(cache, log);
  } catch (error) {
    const known = await lastUsedKernel(cache);
    const why = KataError.from(error).message;
    if (known === undefined) {
      throw new KataError('ERR_HOST', `no kernel for the guest, and Debian's cannot be had: ${why}`, { cause: error });
    }
    log(`kernel: apt cannot say which is the newest (${why}); the last one serves on`);
    return known;
  }
}

async function newestKernel(cache: StageCache, log: (line: string) => void): Promise<string> {
  const known = kernelPackageOf(await showMetaPackage([]));
  if (known === undefined) {
    log('kernel: apt has no lists of packages; fetching them into a directory of our own');
  } else {
    try {
      return await downloaded(cache, known, [], log);
    } catch (error) {
      // Old lists name versions that the mirrors no longer have.
      if (!(error instanceof KataError) || error.code !== 'ERR_COMMAND') throw error;
      log(`kernel: ${known.name} cannot be downloaded; fetching fresh lists of packages`);
    }
  }
  return await newestOfFreshLists(cache, log);
}

async function newestOfFreshLists(cache: StageCache, log: (line: string) => void): Promise<string> {
  const lists = join(cache.directory, 'apt');
  try {
    const options = privateLists(lists);
    for (const name of ['lists/partial', 'cache/archives/partial']) await mkdir(join(lists, name), { recursive: true });
    // Mirrors that cannot be reached are no failure to apt, so its words are kept for the message below.
    const update = [requireProgram('apt-get'), '-q', ...options, 'update'];
    const { stderr } = await runProgram(update, { timeoutMs: DOWNLOAD_TIMEOUT_MS });
    const found = kernelPackageOf(await showMetaPackage(options));
    if (found !== undefined) return await downloaded(cache, found, options, log);
    const said = stderr.split('\n').find((line) => line !== '') ?? '';
    throw new KataError('ERR_HOST', `apt knows no package ${META_PACKAGE}; apt-get update: ${said || 'no complaint'}`);
  } finally {
    await rm(lists, { recursive: true, force: true });
  }
}

/** Options with which apt needs no rights on the system's own lists. */
function privateLists(directory: string): string[] {
  return ['-o', `Dir::State::Lists=${directory}/lists`, '-o', `Dir::Cache=${directory}/cache`];
}

async function showMetaPackage(options: readonly string[]): Promise<string> {
  const argv = [requireProgram('apt-cache'), ...options, 'show', '--no-all-versions', META_PACKAGE];
  // apt-cache fails where it does not know the package, which is an answer too.
  return (await runProgram(argv, { timeoutMs: LOCAL_TIMEOUT_MS })).stdout;
}

async function downloaded(
  cache: StageCache,
  { name, version }: KernelPackage,
  options: readonly string[],
  log: (line: string) => void,
): Promise<string> {
  const { directory } = await cache.entry(DEBIAN_KERNEL_STAGE, `${name}_${version}`, async (aside) => {
    log(`kernel: downloading ${name} ${version} (about 27 MB)`);
    // apt would else complain that its own user may not write here.
    const apt = [requireProgram('apt-get'), '-q', '-o', 'APT::Sandbox::User=root', ...options];
    await mustRun([...apt, 'download', `${name}=${version}`], { timeoutMs: DOWNLOAD_TIMEOUT_MS, cwd: aside });
    const [file] = (await readdir(aside)).filter((entry) => entry.endsWith('.deb'));
    if (file === undefined) throw new KataError('ERR_HOST', `apt-get download ${name} left no package`);
    await unpackKernel(join(aside, file), aside);
    await rm(join(aside, file));
  });
  return directory;
}

/** Keeps of the package what a guest can use. */
async function unpackKernel(packageFile: string, directory: string): Promise<void> {
  const whole = join(directory, 'whole');
  await mustRun([requireProgram('dpkg-deb'), '-x', packageFile, whole], { timeoutMs: LOCAL_TIMEOUT_MS });
  await rename(join(whole, 'boot'), join(directory, 'boot'));
  // Packages of later releases have their modules below /usr.
  const below = (await stat(join(whole, 'lib')).catch(() => undefined)) === undefined ? 'usr/lib' : 'lib';
  await rename(join(whole, below), join(directory, 'lib'));
  await rm(whole, { recursive: true });
  const [version] = await readdir(join(directory, 'lib/modules'));
  if (version === undefined) throw new KataError('ERR_HOST', `${packageFile} has no modules`);
  await indexModules(directory, version);
}

async function lastUsedKernel(cache: StageCache): Promise<string | undefined> {
  const parent = join(cache.directory, DEBIAN_KERNEL_STAGE);
  const names = (await readdir(parent).catch(() => [])).filter((name) => name.startsWith('linux-image-'));
  const entries = await Promise.all(
    names.map(async (name) => ({ path: join(parent, name), usedMs: (await stat(join(parent, name))).mtimeMs })),
  );
  return entries.toSorted((a, b) => b.usedMs - a.usedMs)[0]?.path;
}

function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new KataError('ERR_HOST', `the program ${name} is missing`);
  return path;
}
