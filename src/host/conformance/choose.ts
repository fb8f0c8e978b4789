/** Which scenarios a run has. */
import { KataError } from '../../wire/error.ts';

/**
 * Those that are named, in the order in which all of them stand; all where none is named.
 * @throws KataError ERR_INVALID_ARGUMENT for a name that none has.
 */
export function chooseScenarios<T extends { readonly name: string }>(all: readonly T[], names: readonly string[]): T[] {
  const unknown = names.filter((name) => !all.some((each) => each.name === name));
  if (unknown.length > 0) {
    throw new KataError(
      'ERR_INVALID_ARGUMENT',
      `no scenario has the name ${unknown.join(', ')}; --list names them all`,
    );
  }
  return names.length === 0 ? [...all] : all.filter(({ name }) => names.includes(name));
}
