/** Hooks that the guest image brings along, for every container. */
import { accessSync, constants, lstatSync, readdirSync } from 'node:fs';
import { hasErrno } from '../../wire/error.ts';
import { DEFAULT_HOOK_TIMEOUT_SECONDS, type Hook, type Hooks } from '../container/oci-spec/hooks.ts';
import type { Logger } from '../log/logger.ts';

/** The hooks of the guest, by when they run. */
export type GuestHooks = Pick<Hooks, 'prestart' | 'poststart' | 'poststop'>;

/** A guest without hooks. */
export const NO_GUEST_HOOKS: GuestHooks = { prestart: [], poststart: [], poststop: [] };

/** Regular files, not links to such, that may be executed. */
function isHook(path: string): boolean {
  if (!lstatSync(path).isFile()) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (hasErrno(error, 'EACCES')) return false;
    throw error;
  }
}

function scan(directory: string, kind: keyof GuestHooks, logger: Logger): readonly Hook[] {
  try {
    const names = readdirSync(`${directory}/${kind}`).toSorted();
    return names
      .filter((name) => isHook(`${directory}/${kind}/${name}`))
      .map((name) => ({
        path: `${directory}/${kind}/${name}`,
        args: [name, kind],
        env: [],
        timeoutSeconds: DEFAULT_HOOK_TIMEOUT_SECONDS,
      }));
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) logger.warn({ error, directory, kind }, 'guest hooks not read');
    return [];
  }
}

/**
 * Finds the hooks of a directory that has the directories `prestart`, `poststart` and `poststop`. What cannot be read is
 * logged and left out.
 * @param directory empty for none.
 */
export function findGuestHooks(directory: string, logger: Logger): GuestHooks {
  if (directory === '') return NO_GUEST_HOOKS;
  return {
    prestart: scan(directory, 'prestart', logger),
    poststart: scan(directory, 'poststart', logger),
    poststop: scan(directory, 'poststop', logger),
  };
}
