/** Kinds of configuration values: how each is read from a word and from TOML. */
import { KataError } from '../../wire/error.ts';

/** Reads one kind of value; `undefined` means that the value is ignored and what was there before stays. */
export interface Kind<T> {
  /** @param name what the error names, such as `agent.log`. */
  fromText(name: string, text: string): T | undefined;
  fromToml(name: string, value: unknown): T | undefined;
}

/** Timers of Node fire at once where the delay does not fit 31 bits: nothing waits longer than this (ms). */
const MAX_DURATION_MS = 2 ** 31 - 1;
/** vsock ports are 32 bits; the last one means "any" (linux/vm_sockets.h). */
const MAX_PORT = 2 ** 32 - 2;

const MS_PER_SECOND = 1_000;
const NANOS_PER_MS = 1_000_000;

function refuse(name: string, value: unknown, wanted: string): KataError {
  const shown = typeof value === 'string' ? `"${value}"` : String(value);
  return new KataError('ERR_INVALID_ARGUMENT', `${name}: ${shown} is not ${wanted}`);
}

function integerOf(name: string, text: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw refuse(name, text, 'an integer');
  return value;
}

function tomlInteger(name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw refuse(name, value, 'an integer');
  return value;
}

function tomlBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw refuse(name, value, 'true or false');
  return value;
}

/** `true`, `false`, or an integer of which 0 is false; undefined for anything else. */
function readBoolean(text: string): boolean | undefined {
  if (text === 'true') return true;
  if (text === 'false') return false;
  return /^[+-]?\d+$/.test(text) ? Number(text) !== 0 : undefined;
}

/** Integers that `accept` takes and `ignore` does not skip. */
function integers(
  wanted: string,
  accept: (value: number) => boolean,
  ignore: (value: number) => boolean = () => false,
): Kind<number> {
  const judge = (name: string, value: number): number | undefined => {
    if (ignore(value)) return undefined;
    if (!accept(value)) throw refuse(name, value, wanted);
    return value;
  };
  return {
    fromText: (name, text) => judge(name, integerOf(name, text)),
    fromToml: (name, value) => judge(name, tomlInteger(name, value)),
  };
}

/** Integers from 0. */
export const count: Kind<number> = integers('an integer from 0', (value) => value >= 0);

/** A vsock port. 0 and negative numbers are ignored, as the stock agent does. */
export const port: Kind<number> = integers(
  'a vsock port',
  (value) => value <= MAX_PORT,
  (value) => value <= 0,
);

/** true, false or a number; any other text counts as false. */
export const boolean: Kind<boolean> = {
  fromText: (_name, text) => readBoolean(text) ?? false,
  fromToml: tomlBoolean,
};

/** As {@link boolean}, but any other text is ignored: older hosts put a word there that is no boolean. */
export const lenientBoolean: Kind<boolean> = {
  fromText: (_name, text) => readBoolean(text),
  fromToml: tomlBoolean,
};

/** `true` or `false`, nothing else. */
export const strictBoolean: Kind<boolean> = {
  fromText: (name, text) => {
    if (text !== 'true' && text !== 'false') throw refuse(name, text, 'true or false');
    return text === 'true';
  },
  fromToml: tomlBoolean,
};

/**
 * Whether the unified cgroup hierarchy is used: false, said in so many words, asks for v1; text that is no boolean
 * says nothing.
 */
export const cgroupChoice: Kind<1 | 2> = {
  fromText: (_name, text) => {
    const unified = readBoolean(text);
    if (unified === undefined) return undefined;
    return unified ? 2 : 1;
  },
  fromToml: (name, value) => (tomlBoolean(name, value) ? 2 : 1),
};

/** Any text. */
export const text: Kind<string> = {
  fromText: (_name, value) => value,
  fromToml: (name, value) => {
    if (typeof value !== 'string') throw refuse(name, value, 'a string');
    return value;
  },
};

/** A URL with a scheme. */
export const url: Kind<string> = {
  fromText: (name, value) => {
    if (!URL.canParse(value)) throw refuse(name, value, 'a URL');
    return value;
  },
  fromToml: (name, value) => url.fromText(name, text.fromToml(name, value) ?? ''),
};

/** One word of a list. */
export function choice<T extends string>(words: readonly T[]): Kind<T> {
  return mapped((word) => words.find((candidate) => candidate === word), `one of ${words.join(', ')}`);
}

/** A word that `find` knows. */
export function mapped<T>(find: (word: string) => T | undefined, wanted: string): Kind<T> {
  const judge = (name: string, word: string): T => {
    const found = find(word);
    if (found === undefined) throw refuse(name, word, wanted);
    return found;
  };
  return { fromText: judge, fromToml: (name, value) => judge(name, text.fromToml(name, value) ?? '') };
}

function durationMs(ms: number): number | undefined {
  return ms === 0 ? undefined : Math.min(ms, MAX_DURATION_MS);
}

/** Whole seconds, or in TOML a table `{secs, nanos}`; in milliseconds. No time at all is ignored. */
export const duration: Kind<number> = {
  fromText: (name, value) => durationMs((count.fromText(name, value) ?? 0) * MS_PER_SECOND),
  fromToml: (name, value) => {
    if (typeof value !== 'object' || value === null) throw refuse(name, value, 'a table {secs, nanos}');
    const part = (key: 'secs' | 'nanos'): number => {
      // Reason for the cast: a non-null object may be asked for any property.
      const field = (value as Record<string, unknown>)[key];
      return count.fromToml(`${name}.${key}`, field ?? 0) ?? 0;
    };
    return durationMs(part('secs') * MS_PER_SECOND + Math.ceil(part('nanos') / NANOS_PER_MS));
  },
};
