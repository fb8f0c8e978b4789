/** Chooses kernel modules and puts them into the order in which they load. */
import { readFile } from 'node:fs/promises';
import { KataError } from '../../src/wire/error.ts';
import type { ModuleList } from './manifest.ts';

/** What a kernel has, as its own index files tell. Names are normalised: see {@link moduleName}. */
export interface ModuleIndex {
  /** Module -> its file below the module directory, and the modules that it needs, nearest first. */
  readonly modules: ReadonlyMap<string, { readonly file: string; readonly needs: readonly string[] }>;
  /** Modules that are part of the kernel. */
  readonly builtin: ReadonlySet<string>;
}

/** A module by name, or several of which one is enough. */
export type WantedModule = string | readonly string[];

/** Name of the module in a file: without directory and packing; `-` and `_` are one, as modprobe has it. */
export function moduleName(file: string): string {
  const base = file.slice(file.lastIndexOf('/') + 1);
  return base.replace(/\.ko(\.(gz|xz|zst))?$/, '').replaceAll('-', '_');
}

/**
 * Index of a kernel from the texts of its modules.dep and modules.builtin (`man 5 modules.dep`): a line of the first is
 * `file: files that it needs`, where a needed file stands before those that it needs itself.
 */
export function parseModuleIndex(dependencies: string, builtin: string): ModuleIndex {
  const modules = new Map<string, { file: string; needs: string[] }>();
  for (const line of dependencies.split('\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const file = line.slice(0, colon);
    const needs = line
      .slice(colon + 1)
      .split(' ')
      .filter((word) => word !== '');
    modules.set(moduleName(file), { file, needs: needs.map(moduleName) });
  }
  const names = builtin.split('\n').filter((line) => line !== '');
  return { modules, builtin: new Set(names.map(moduleName)) };
}

/**
 * Reads the index below `/lib/modules/<version>`.
 * @throws KataError ERR_HOST where it is not there.
 */
export async function readModuleIndex(directory: string): Promise<ModuleIndex> {
  try {
    const [dependencies, builtin] = await Promise.all([
      readFile(`${directory}/modules.dep`, 'utf8'),
      readFile(`${directory}/modules.builtin`, 'utf8'),
    ]);
    return parseModuleIndex(dependencies, builtin);
  } catch (cause) {
    throw new KataError('ERR_HOST', `no index of kernel modules in ${directory}`, { cause });
  }
}

/** Wanted modules that this kernel has neither as a file nor built in; of several, "a or b". */
export function missingModules(index: ModuleIndex, wanted: readonly WantedModule[]): string[] {
  return wanted
    .map((names) => (typeof names === 'string' ? [names] : names))
    .filter(
      (names) => !names.some((name) => index.builtin.has(moduleName(name)) || index.modules.has(moduleName(name))),
    )
    .map((names) => names.join(' or '));
}

/**
 * Chooses the files for the guest, sorted.
 * @param root what the way to its root needs beside the list's own.
 * @throws KataError ERR_HOST naming the modules that are needed and missing.
 */
export function chooseModules(index: ModuleIndex, list: ModuleList, root: readonly WantedModule[]): string[] {
  const missing = missingModules(index, [...list.boot, ...list.required, ...root]);
  if (missing.length > 0) throw new KataError('ERR_HOST', `the kernel lacks the modules ${missing.join(', ')}`);
  const { boot, memoryRoot, fileRoot, console, required, optional } = list;
  const names = [...boot, ...memoryRoot, ...fileRoot, ...console, ...required, ...root.flat(), ...optional];
  return loadOrder(index, names).toSorted();
}

/** Files of the given modules and of all that they need, in an order in which each can be loaded. */
export function loadOrder(index: ModuleIndex, names: readonly string[]): string[] {
  const files = new Set<string>();
  const visit = (name: string): void => {
    const entry = index.modules.get(name);
    if (entry === undefined || files.has(entry.file)) return; // built in, optional and absent, or there already
    for (const need of entry.needs.toReversed()) visit(need);
    files.add(entry.file);
  };
  for (const name of names) visit(moduleName(name));
  return [...files];
}
