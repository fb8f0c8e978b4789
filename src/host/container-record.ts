/** What a sandbox's directory tells other processes of its containers: a file each. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno, KataError } from '../wire/error.ts';
import type { ContainerIdentity } from './container.ts';

const PREFIX = 'container-';
const SUFFIX = '.json';

function pathOf(directory: string, id: string): string {
  return join(directory, `${PREFIX}${id}${SUFFIX}`);
}

/** Records a container. @param directory the sandbox's state directory. */
export function recordContainer(directory: string, container: ContainerIdentity): void {
  writeFileSync(pathOf(directory, container.id), JSON.stringify(container));
}

/** Takes the record back; one that is not there is no error. */
export function forgetContainer(directory: string, id: string): void {
  rmSync(pathOf(directory, id), { force: true });
}

/** Ids of the recorded containers, in the order of their names. */
export function recordedContainers(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith(PREFIX) && name.endsWith(SUFFIX))
    .map((name) => name.slice(PREFIX.length, -SUFFIX.length))
    .toSorted();
}

/** Reads a record. @throws KataError ERR_NOT_FOUND where there is none of that name. */
export function readContainer(directory: string, id: string): ContainerIdentity {
  try {
    // Reason for the cast: only root can write to the directory, and only recordContainer() does.
    return JSON.parse(readFileSync(pathOf(directory, id), 'utf8')) as ContainerIdentity;
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw KataError.from(error);
    throw new KataError('ERR_NOT_FOUND', `there is no container ${id}`, { cause: error });
  }
}
