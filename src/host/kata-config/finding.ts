/** What a check of a configuration file finds. */

/** Names of tables and keys, and indexes of lists, from the top. */
export type Path = readonly (string | number)[];

/**
 * - `wrong`: its reader refuses the value, or the file;
 * - `missing`: its reader refuses the file without it;
 * - `unknown`: its reader passes over the key without a word;
 * - `not-served`: a right value that asks the agent, or our guest, for something that is not built;
 * - `note`: its reader takes something else for the value.
 */
type FindingKind = 'wrong' | 'missing' | 'unknown' | 'not-served' | 'note';

/** One of them. */
export interface Finding {
  readonly kind: FindingKind;
  readonly path: Path;
  readonly text: string;
}

/** A finding with the place where it can be mended. */
export interface LocatedFinding extends Finding {
  /** Counted from 1; undefined where the file has no such place. */
  readonly line: number | undefined;
}

/** The kinds that make a file unfit. */
const FAULTS: ReadonlySet<FindingKind> = new Set(['wrong', 'missing', 'unknown']);

/** Whether the finding is about the file itself, and not about what we serve. */
export function isFault({ kind }: Finding): boolean {
  return FAULTS.has(kind);
}

/** A path as it is written in TOML: `hypervisor.clh.path`, `spec.storage.files[0].path`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += `${text === '' ? '' : '.'}${/^[\w-]+$/.test(step) ? step : JSON.stringify(step)}`;
  }
  return text;
}
