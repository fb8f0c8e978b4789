/** Descriptions of what a file may hold, and the check of a parsed file against one. Nothing passes that is not described. */
import type { Finding, Path } from './finding.ts';

/** What a value may be. */
export type Shape =
  | { readonly kind: 'text'; readonly choices?: readonly string[]; readonly pattern?: Pattern }
  | { readonly kind: 'boolean' }
  /** A whole number, written as one. */
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  /** Any number. */
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'list'; readonly of: Shape }
  /** Any keys, or those that fit. */
  | { readonly kind: 'map'; readonly of: Shape; readonly keys?: Pattern }
  | { readonly kind: 'record'; readonly fields: Readonly<Record<string, Field>>; readonly others?: 'passed-over' }
  | { readonly kind: 'nullable'; readonly of: Shape };

/** What a text must look like. */
export interface Pattern {
  readonly expression: RegExp;
  /** For the message, behind "is not". */
  readonly wanted: string;
}

/** A key of a record. */
export interface Field {
  readonly shape: Shape;
  readonly required?: boolean;
  /** Why a value that fits is not served; undefined where it is. */
  readonly gap?: Gap;
  /** What the reader makes of a value that fits; undefined where nothing is to be said. */
  readonly note?: Gap;
}

/** Looks at a value of the right shape. */
export type Gap = (value: unknown) => string | undefined;

/** The type of a table. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** Everything about the value that the shape does not allow, in the order of the file. */
export function checkShape(shape: Shape, value: unknown, path: Path = []): Finding[] {
  const wrong = (wanted: string): Finding[] => [{ kind: 'wrong', path, text: `${shown(value)} is not ${wanted}` }];
  switch (shape.kind) {
    case 'text':
      return typeof value === 'string' ? checkText(shape, value, path) : wrong('a text');
    case 'boolean':
      return typeof value === 'boolean' ? [] : wrong('true or false');
    case 'integer': {
      const number = integerOf(value);
      const fits = number !== undefined && number >= shape.min && number <= shape.max;
      return fits ? [] : wrong(`a whole number ${range(shape)}`);
    }
    case 'number': {
      const number = typeof value === 'number' ? value : integerOf(value);
      return number !== undefined && number >= shape.min && number <= shape.max
        ? []
        : wrong(`a number ${range(shape)}`);
    }
    case 'list':
      if (!Array.isArray(value)) return wrong('a list');
      return value.flatMap((item: unknown, index) => checkShape(shape.of, item, [...path, index]));
    case 'map':
      return isRecord(value) ? checkMap(shape, value, path) : wrong('a table');
    case 'record':
      return isRecord(value) ? checkRecord(shape, value, path) : wrong('a table');
    case 'nullable':
      return value === null ? [] : checkShape(shape.of, value, path);
  }
}

function checkText(shape: Shape & { kind: 'text' }, value: string, path: Path): Finding[] {
  const { choices, pattern } = shape;
  if (choices !== undefined && !choices.includes(value)) {
    return [{ kind: 'wrong', path, text: `${shown(value)} is not one of ${choices.map(shown).join(', ')}` }];
  }
  if (pattern !== undefined && !pattern.expression.test(value)) {
    return [{ kind: 'wrong', path, text: `${shown(value)} is not ${pattern.wanted}` }];
  }
  return [];
}

function checkMap(shape: Shape & { kind: 'map' }, value: Readonly<Record<string, unknown>>, path: Path): Finding[] {
  return Object.entries(value).flatMap(([key, item]): Finding[] => {
    const at = [...path, key];
    if (shape.keys !== undefined && !shape.keys.expression.test(key)) {
      return [{ kind: 'wrong', path: at, text: `${shown(key)} is not ${shape.keys.wanted}` }];
    }
    return checkShape(shape.of, item, at);
  });
}

function checkRecord(
  shape: Shape & { kind: 'record' },
  value: Readonly<Record<string, unknown>>,
  path: Path,
): Finding[] {
  const findings: Finding[] = [];
  for (const [key, item] of Object.entries(value)) {
    const at = [...path, key];
    const field = Object.hasOwn(shape.fields, key) ? shape.fields[key] : undefined;
    if (field !== undefined) findings.push(...checkField(field, item, at));
    else if (shape.others === undefined) findings.push({ kind: 'unknown', path: at, text: 'no reader of it is known' });
  }
  for (const [key, field] of Object.entries(shape.fields)) {
    if (field.required === true && !Object.hasOwn(value, key)) {
      findings.push({ kind: 'missing', path: [...path, key], text: 'it must be there' });
    }
  }
  return findings;
}

function checkField({ shape, gap, note }: Field, value: unknown, path: Path): Finding[] {
  const findings = checkShape(shape, value, path);
  if (findings.some(({ kind }) => kind === 'wrong')) return findings;
  const reason = gap?.(value);
  if (reason !== undefined) findings.push({ kind: 'not-served', path, text: `${shown(value)}: ${reason}` });
  const remark = note?.(value);
  if (remark !== undefined) findings.push({ kind: 'note', path, text: `${shown(value)}: ${remark}` });
  return findings;
}

/** The parsers give whole numbers as bigint, so that `1.0` is told from `1`. */
function integerOf(value: unknown): number | undefined {
  return typeof value === 'bigint' ? Number(value) : undefined;
}

function range({ min, max }: { readonly min: number; readonly max: number }): string {
  return max === Number.POSITIVE_INFINITY ? `from ${min}` : `from ${min} to ${max}`;
}

function shown(value: unknown): string {
  if (typeof value === 'bigint') return `${value}`;
  if (isRecord(value)) return 'a table';
  return JSON.stringify(value) ?? `${value}`;
}
