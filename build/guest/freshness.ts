/** Tells in a moment whether anything that an image was made from has changed, as make does: by the files' own data. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { join } from 'node:path';
import { KERNEL_DIRECTORY_VARIABLE } from './kernel.ts';

const FORMAT = 1;

/** Directories of the package whose every file has a say in what the image becomes. */
const SOURCE_DIRECTORIES = ['rootfs', 'build/guest'];

/** What the image depends on that is no file, and which file is its agent. */
function surroundings(agent: string): string {
  return JSON.stringify([release(), process.env[KERNEL_DIRECTORY_VARIABLE] ?? '', agent]);
}

/**
 * Remembers the present state of all inputs.
 * @param record file to write.
 * @param files absolute paths of everything that the image was made from.
 */
export async function recordInputs(
  record: string,
  files: Iterable<string>,
  packageRoot: string,
  agent: string,
): Promise<void> {
  const paths = [...new Set([...files, ...(await sourceFiles(packageRoot))])].toSorted();
  const states = await Promise.all(paths.map(async (path) => [path, await fileState(path)] as const));
  await writeFile(record, JSON.stringify({ format: FORMAT, surroundings: surroundings(agent), files: states }));
}

/** True where the record exists and everything is as it was then. */
export async function inputsUnchanged(record: string, packageRoot: string, agent: string): Promise<boolean> {
  const recorded = await readRecord(record, agent);
  if (recorded === undefined) return false;
  const sources = await sourceFiles(packageRoot);
  if (!sources.every((path) => recorded.has(path))) return false;
  const states = await Promise.all([...recorded].map(async ([path, state]) => (await fileState(path)) === state));
  return states.every((same) => same);
}

async function readRecord(record: string, agent: string): Promise<Map<string, string> | undefined> {
  let document: unknown;
  try {
    document = JSON.parse(await readFile(record, 'utf8'));
  } catch {
    return undefined; // never built, or cut short: built anew
  }
  if (typeof document !== 'object' || document === null) return undefined;
  if (!('format' in document) || document.format !== FORMAT) return undefined;
  if (!('surroundings' in document) || document.surroundings !== surroundings(agent)) return undefined;
  if (!('files' in document) || !Array.isArray(document.files)) return undefined;
  return new Map(document.files.map(([path, state]: unknown[]) => [String(path), String(state)] as const));
}

/** Size, times and inode: a file that was written or replaced differs in one of them. */
async function fileState(path: string): Promise<string> {
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true });
    return `${size} ${mtimeNs} ${ino}`;
  } catch {
    return 'absent';
  }
}

async function sourceFiles(packageRoot: string): Promise<string[]> {
  const lists = await Promise.all(
    SOURCE_DIRECTORIES.map(async (directory) => {
      const names = await readdir(join(packageRoot, directory));
      return names.map((name) => join(packageRoot, directory, name));
    }),
  );
  return lists.flat();
}
