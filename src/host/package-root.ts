/** Finds this package's own directory, from the sources as from the bundle. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KataError } from '../wire/error.ts';

const PACKAGE_NAME = 'kata-agent-ts';

/**
 * Absolute path of the directory that holds our package.json: the nearest one upwards that bears our name.
 * @throws KataError ERR_HOST where there is none, which means that the installation was torn apart.
 */
export function packageRoot(from: string = import.meta.dirname): string {
  for (let directory = from; ; directory = dirname(directory)) {
    if (nameIn(join(directory, 'package.json')) === PACKAGE_NAME) return directory;
    if (dirname(directory) === directory) {
      throw new KataError('ERR_HOST', `there is no package ${PACKAGE_NAME} at or above ${from}`);
    }
  }
}

function nameIn(path: string): unknown {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof content === 'object' && content !== null && 'name' in content ? content.name : undefined;
  } catch {
    return undefined;
  }
}
