/** The directory of everything that belongs to the sandbox. */
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { readMountTable } from '../boot/mount-table.ts';
import { BASE } from './paths.ts';

/**
 * Empties the directory, unless something is mounted below it: that would be the host's files, or another's.
 * @returns false where it was left as it is for that reason.
 * @throws an error of Node where it cannot be removed or made.
 */
export async function resetBaseDirectory(): Promise<boolean> {
  const table = readMountTable();
  const inUse = table.some(({ target }) => target === BASE || target.startsWith(`${BASE}/`));
  if (!inUse) await rm(BASE, { recursive: true, force: true });
  mkdirSync(BASE, { recursive: true });
  return !inUse;
}
