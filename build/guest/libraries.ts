/** Finds the shared libraries that programs of this machine need. */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { findProgram, mustRun } from '../../src/host/program.ts';
import { KataError } from '../../src/wire/error.ts';

/** ldd starts the dynamic linker once a program; this only stops a hang. */
const LDD_TIMEOUT_MS = 120_000;

/**
 * Paths of libraries, the dynamic linker among them, in the output of `ldd` (`man 1 ldd`) for one or more programs.
 * @throws KataError ERR_HOST naming the libraries that were not found.
 */
export function parseLdd(output: string): string[] {
  const missing = [...output.matchAll(/^\s+(\S+) => not found/gm)].map(([, name]) => name);
  if (missing.length > 0) throw new KataError('ERR_HOST', `libraries are missing: ${missing.join(', ')}`);
  const found = [...output.matchAll(/^\s+(?:\S+ => )?(\/\S+) \(0x[0-9a-f]+\)$/gm)];
  return [...new Set(found.flatMap(([, path]) => path ?? []))].toSorted();
}

/**
 * All libraries that the given dynamically linked files need: path in the guest -> path here. The path in the guest has
 * the name by which the library is looked for, in the directory in which it really is.
 */
export async function libraryClosure(files: readonly string[]): Promise<Map<string, string>> {
  const ldd = findProgram('ldd');
  if (ldd === undefined) throw new KataError('ERR_HOST', 'the program ldd is missing');
  const libraries = parseLdd(await mustRun([ldd, ...files], { timeoutMs: LDD_TIMEOUT_MS }));
  const closure = new Map<string, string>();
  for (const library of libraries) {
    // /lib and /usr/lib are one directory: without this the same library would come twice.
    closure.set(join(await realpath(dirname(library)), basename(library)), await realpath(library));
  }
  return closure;
}
