/** Names of containers. */
import { badField } from './oci-spec/bad-field.ts';

const FIRST_THEN_REST = /^[A-Za-z0-9][A-Za-z0-9._-]+$/;

/** Directories beside those of the containers; removing a container deletes the directory of its name. */
const RESERVED: ReadonlySet<string> = new Set(['shared', 'sandbox', 'virtual-volumes', 'image']);

/** File names may be that long on every file system of Linux (bytes). */
const MAX_LENGTH = 255;

/**
 * Checks a container's id, of which file and directory names are made.
 * @throws KataError (INTERNAL on the wire) for one shorter than two characters, with other characters than letters,
 *   digits, dot, minus, underscore, or not beginning with a letter or a digit.
 */
export function checkContainerId(id: string): void {
  if (!FIRST_THEN_REST.test(id) || id.length > MAX_LENGTH) throw badField('container_id', id, 'is not a container id');
  if (RESERVED.has(id)) throw badField('container_id', id, 'is the name of a directory of the agent');
}
