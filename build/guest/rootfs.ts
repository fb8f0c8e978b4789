/** Works out which files the guest's root consists of. Nothing is copied here. */
import { existsSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { KataError } from '../../src/wire/error.ts';
import { agentFiles } from './agent-files.ts';
import type { GuestKernel } from './kernel.ts';
import { libraryClosure } from './libraries.ts';
import type { GuestManifest, PluginEntry, ProgramEntry } from './manifest.ts';

/** Something in the root. */
export type RootEntry =
  | { readonly kind: 'directory' }
  | { readonly kind: 'link'; readonly target: string }
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'file';
      /** Path here, all links resolved. */
      readonly source: string;
      readonly isProgram: boolean;
      /** What the size table counts it under. */
      readonly group: string;
    };

/** Absolute path in the guest -> what is there. */
export type RootTree = ReadonlyMap<string, RootEntry>;

/** What the root is made from. */
export interface RootParts {
  readonly packageRoot: string;
  readonly manifest: GuestManifest;
  readonly kernel: GuestKernel;
  /** The agent as one file: a bundle, or a program. */
  readonly agent: string;
}

/**
 * All entries of the root, parents before what they hold.
 * @throws KataError ERR_HOST naming a program, library or plug-in that this machine lacks.
 */
export async function rootTree(parts: RootParts): Promise<RootTree> {
  const { manifest } = parts;
  const tree = new Map<string, RootEntry>();
  for (const path of manifest.directories) tree.set(path, { kind: 'directory' });
  for (const [path, target] of manifest.links) tree.set(path, { kind: 'link', target });
  for (const [path, text] of manifest.files) tree.set(path, { kind: 'text', text });

  const dynamic: string[] = [];
  for (const entry of manifest.programs) {
    const source = await programSource(entry);
    if (!entry.isStatic) dynamic.push(source);
    tree.set(entry.path, { kind: 'file', source, isProgram: true, group: basename(entry.path) });
    for (const link of entry.links) tree.set(link, { kind: 'link', target: entry.path });
  }
  const agent = await agentFiles(parts.agent, parts.packageRoot);
  dynamic.push(...agent.dynamic);
  for (const { path, ...file } of agent.files) tree.set(path, { kind: 'file', ...file });

  for (const [path, source] of await pluginFiles(manifest.plugins)) {
    dynamic.push(source);
    tree.set(path, { kind: 'file', source, isProgram: false, group: 'iptables plug-ins' });
  }
  const libraries = await libraryClosure(dynamic);
  for (const [path, source] of libraries) {
    tree.set(path, { kind: 'file', source, isProgram: true, group: 'libraries' });
  }
  // The linker's cache is made from this: programs then find a library with one open, wherever it lies.
  const directories = [...new Set([...libraries.keys()].map(dirname))].toSorted();
  tree.set('/etc/ld.so.conf', { kind: 'text', text: `${directories.join('\n')}\n` });

  for (const [path, source] of await moduleFiles(parts.kernel)) {
    tree.set(path, { kind: 'file', source, isProgram: false, group: 'kernel modules' });
  }
  return withParents(tree);
}

async function programSource(entry: ProgramEntry): Promise<string> {
  const found = entry.from.find((path) => existsSync(path));
  if (found === undefined) {
    throw new KataError('ERR_HOST', `${entry.path} of the guest needs the package ${entry.package}, which is missing`);
  }
  return await realpath(found);
}

async function pluginFiles(entry: PluginEntry): Promise<Map<string, string>> {
  const directory = entry.directories.find((path) => existsSync(path));
  if (directory === undefined) throw new KataError('ERR_HOST', `no plug-ins of the package ${entry.package} are here`);
  const names = (await readdir(directory)).filter((name) => entry.prefixes.some((prefix) => name.startsWith(prefix)));
  const files = new Map<string, string>();
  for (const name of names) files.set(join(directory, name), await realpath(join(directory, name)));
  return files;
}

async function moduleFiles({ tree, source }: GuestKernel): Promise<Map<string, string>> {
  const directory = join(tree, 'lib/modules', source.version);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(files.map((path) => [join('/usr/lib/modules', source.version, path.slice(directory.length)), path]));
}

/** Adds the directories that no one named, and sorts: a parent's path is shorter, so it comes first. */
function withParents(tree: ReadonlyMap<string, RootEntry>): RootTree {
  const whole = new Map(tree);
  for (const path of tree.keys()) {
    for (let parent = dirname(path); parent !== '/'; parent = dirname(parent)) {
      if (!whole.has(parent)) whole.set(parent, { kind: 'directory' });
    }
  }
  return new Map([...whole].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}
