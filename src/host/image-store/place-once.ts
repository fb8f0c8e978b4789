/** Entries of a cache directory: each appears whole or not at all, however many processes make it at once. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../../wire/error.ts';

/**
 * Path of the entry `name`; where it is not there, `make` fills a directory that then takes the name.
 * @param make is given the path of an empty directory; what it throws is passed on, and nothing stays behind.
 */
export async function placeOnce(
  root: string,
  name: string,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const final = join(root, name);
  if (existsSync(final)) return final;
  mkdirSync(root, { recursive: true });
  const building = mkdtempSync(join(root, '.new-'));
  try {
    await make(building);
    renameSync(building, final);
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    // Another process was quicker: its entry has the same content.
    if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
  return final;
}
