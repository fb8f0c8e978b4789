/** The declarative list of what goes into the guest: rootfs/manifest.toml, checked. */
import { parse } from 'smol-toml';
import { KataError } from '../../src/wire/error.ts';

/** Kernel modules by name, as `modprobe` takes them. */
export interface ModuleList {
  /** Loaded by every initrd, in this order, before the module of its root's file system. */
  readonly boot: readonly string[];
  /** Loaded after those of `boot` by the initrd beside Kata's image; taken where they exist. */
  readonly memoryRoot: readonly string[];
  /** Loaded after those of `boot` by Kata's initrd; taken where they exist. */
  readonly fileRoot: readonly string[];
  /** Loaded before those of `boot` by Kata's initrds, where the command line names a virtio console; taken where they exist. */
  readonly console: readonly string[];
  /** Needed later: a kernel without one of them is not taken. */
  readonly required: readonly string[];
  /** Taken where they exist. */
  readonly optional: readonly string[];
}

/** A program of this machine that is copied into the guest. */
export interface ProgramEntry {
  /** Where it is in the guest. */
  readonly path: string;
  /** Where it may be on the build machine: the first that exists is taken. */
  readonly from: readonly string[];
  /** Debian's package that has it, for messages. */
  readonly package: string;
  /** True where it must need no library. */
  readonly isStatic: boolean;
  /** Further paths in the guest under which it is called. */
  readonly links: readonly string[];
}

/** Shared objects that a program opens by name. */
export interface PluginEntry {
  /** The first of these that exists is taken; it has the same path in the guest. */
  readonly directories: readonly string[];
  /** How the names of the wanted files begin. */
  readonly prefixes: readonly string[];
  readonly package: string;
}

/** All of it. Paths are absolute paths in the guest. */
export interface GuestManifest {
  readonly modules: ModuleList;
  readonly programs: readonly ProgramEntry[];
  readonly plugins: PluginEntry;
  readonly directories: readonly string[];
  /** Path of a symbolic link -> its target. */
  readonly links: ReadonlyMap<string, string>;
  /** Path of a small file -> its content. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Reads the manifest's text.
 * @throws KataError ERR_INVALID_ARGUMENT naming the key that is missing or of the wrong type.
 */
export function parseGuestManifest(source: string): GuestManifest {
  const document: Record<string, unknown> = parse(source);
  const modules = table(document, 'modules');
  const plugins = table(document, 'plugins');
  const skeleton = table(document, 'skeleton');
  return {
    modules: {
      boot: texts(modules, 'boot', 'modules.'),
      memoryRoot: texts(modules, 'memory_root', 'modules.'),
      fileRoot: texts(modules, 'file_root', 'modules.'),
      console: texts(modules, 'console', 'modules.'),
      required: texts(modules, 'required', 'modules.'),
      optional: texts(modules, 'optional', 'modules.'),
    },
    programs: programs(document['program']),
    plugins: {
      directories: texts(plugins, 'directories', 'plugins.'),
      prefixes: texts(plugins, 'prefixes', 'plugins.'),
      package: text(plugins, 'package', 'plugins.'),
    },
    directories: texts(skeleton, 'directories', 'skeleton.'),
    links: textMap(table(skeleton, 'links')),
    files: textMap(table(skeleton, 'files')),
  };
}

function programs(value: unknown): ProgramEntry[] {
  if (!Array.isArray(value)) throw wrong('program', value, 'an array of tables');
  return value.map((entry: unknown, index) => {
    const at = `program[${index}]`;
    if (!isTable(entry)) throw wrong(at, entry, 'a table');
    return {
      path: text(entry, 'path', `${at}.`),
      from: texts(entry, 'from', `${at}.`),
      package: text(entry, 'package', `${at}.`),
      isStatic: entry['static'] === true,
      links: 'links' in entry ? texts(entry, 'links', `${at}.`) : [],
    };
  });
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function table(parent: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = parent[key];
  if (!isTable(value)) throw wrong(key, value, 'a table');
  return value;
}

function text(parent: Record<string, unknown>, key: string, at: string): string {
  const value = parent[key];
  if (typeof value !== 'string') throw wrong(at + key, value, 'a text');
  return value;
}

function texts(parent: Record<string, unknown>, key: string, at: string): string[] {
  const value = parent[key];
  if (!Array.isArray(value) || !value.every((item): item is string => typeof item === 'string')) {
    throw wrong(at + key, value, 'an array of texts');
  }
  return value;
}

function textMap(value: Record<string, unknown>): Map<string, string> {
  return new Map(Object.keys(value).map((key) => [key, text(value, key, '')] as const));
}

function wrong(key: string, value: unknown, wanted: string): KataError {
  return new KataError('ERR_INVALID_ARGUMENT', `manifest: ${key} must be ${wanted}, not ${JSON.stringify(value)}`);
}
