/** How much one request may ask for. */
import { badField } from '../container/oci-spec/bad-field.ts';

/**
 * The kernel is told of one entry after the other by the thread that serves all calls: this many take it a few seconds
 * under emulation, and no pod has as many.
 */
const MAX_ENTRIES = 10_000;

/**
 * The list itself, where it is not too long.
 * @param field that has it, such as `routes.Routes`.
 * @throws KataError ERR_INVALID_ARGUMENT (INTERNAL on the wire).
 */
export function bounded<T>(field: string, list: readonly T[]): readonly T[] {
  if (list.length > MAX_ENTRIES) throw badField(`${field}.length`, list.length, `is more than ${MAX_ENTRIES}`);
  return list;
}
