/** Reads values that came as JSON. */
import { KataError } from '../../wire/error.ts';

/**
 * Turns a value into one of the type wanted.
 * @param where what the value is, for the error.
 * @throws KataError ERR_PROTOCOL where it is something else.
 */
export type Decoder<T> = (value: unknown, where: string) => T;
/** A member that may be absent. */
type OptionalDecoder<T> = Decoder<T> & { readonly optional: true };

type Shape = Readonly<Record<string, Decoder<unknown>>>;
type OptionalKeys<S extends Shape> = { [K in keyof S]: S[K] extends { optional: true } ? K : never }[keyof S];
type Members<S extends Shape> = {
  readonly [K in Exclude<keyof S, OptionalKeys<S>>]: ReturnType<S[K]>;
} & { readonly [K in OptionalKeys<S>]?: ReturnType<S[K]> };

/** A string. */
export const text: Decoder<string> = (value, where) => (typeof value === 'string' ? value : wrong(where, 'a string'));

/** A number. */
export const number: Decoder<number> = (value, where) => (typeof value === 'number' ? value : wrong(where, 'a number'));

/** True or false. */
export const flag: Decoder<boolean> = (value, where) =>
  typeof value === 'boolean' ? value : wrong(where, 'true or false');

/** One of some words. */
export function word<const W extends string>(...words: readonly W[]): Decoder<W> {
  return (value, where) => words.find((each) => each === value) ?? wrong(where, words.join(' or '));
}

/** An array of equals. */
export function list<T>(of: Decoder<T>): Decoder<readonly T[]> {
  return (value, where) =>
    Array.isArray(value)
      ? value.map((each: unknown, index) => of(each, `${where}[${index}]`))
      : wrong(where, 'an array');
}

/** A member of an object that may be absent. */
export function optional<T>(of: Decoder<T>): OptionalDecoder<T> {
  return Object.assign((value: unknown, where: string) => of(value, where), { optional: true as const });
}

/** An object with the members named; others are left out. */
export function object<S extends Shape>(shape: S): Decoder<Members<S>> {
  return (value, where) => {
    if (typeof value !== 'object' || value === null) return wrong(where, 'an object');
    const given = new Map(Object.entries(value));
    const members = Object.entries(shape).flatMap(([name, decode]) => {
      const member: unknown = given.get(name);
      return member === undefined && 'optional' in decode ? [] : [[name, decode(member, `${where}.${name}`)]];
    });
    // Reason for the cast: each member of the shape was decoded, or is absent and may be.
    return Object.fromEntries(members) as Members<S>;
  };
}

/** Text that is JSON. @throws KataError ERR_PROTOCOL where it is not, or not of the type wanted. */
export function decodeJson<T>(json: string, decode: Decoder<T>, where: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return wrong(where, 'JSON');
  }
  return decode(value, where);
}

function wrong(where: string, wanted: string): never {
  throw new KataError('ERR_PROTOCOL', `${where} is not ${wanted}`);
}
