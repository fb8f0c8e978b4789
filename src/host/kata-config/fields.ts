/** Short ways to write the fields of a table. */
import type { Field, Gap, Shape } from './shape.ts';
import type { Shim } from './shim.ts';

const UINT32_MAX = 2 ** 32 - 1;

export const TEXT: Shape = { kind: 'text' };
export const FLAG: Shape = { kind: 'boolean' };
export const TEXTS: Shape = { kind: 'list', of: TEXT };
/** Go's uint32: the shim refuses the whole file for a number outside of it. */
export const COUNT: Shape = { kind: 'integer', min: 0, max: UINT32_MAX };
/** Go's uint64, as far as TOML's numbers go. */
export const LARGE: Shape = { kind: 'integer', min: 0, max: Number.POSITIVE_INFINITY };

/** One word of a list. */
export function oneOf(...choices: readonly string[]): Shape {
  return { kind: 'text', choices };
}

/** A key of a table of the shim's configuration. */
export interface Key extends Field {
  readonly name: string;
  /** The only release that has it; both do where absent. */
  readonly only?: Shim;
}

/** Keys of one shape and no particulars. */
export function keys(shape: Shape, names: string, only?: Shim): Key[] {
  return names
    .trim()
    .split(/\s+/)
    .map((name) => ({ name, shape, ...(only === undefined ? {} : { only }) }));
}

/** The table that one release knows. */
export function tableOf(shim: Shim, list: readonly Key[]): Shape {
  const known = list.filter(({ only }) => only === undefined || only === shim);
  return { kind: 'record', fields: Object.fromEntries(known.map((key) => [key.name, key])) };
}

/** A gap where the switch is on. */
export function ifOn(reason: string): Gap {
  return (value) => (value === true ? reason : undefined);
}

/** A gap where there is anything: a text, a list with entries, a number above 0. */
export function ifAny(reason: string): Gap {
  return (value) => {
    const nothing = value === '' || value === 0n || (Array.isArray(value) && value.length === 0);
    return nothing ? undefined : reason;
  };
}

/** Gaps of single values. */
export function ifOneOf(reasons: Readonly<Record<string, string>>): Gap {
  return (value) => (typeof value === 'string' && Object.hasOwn(reasons, value) ? reasons[value] : undefined);
}
