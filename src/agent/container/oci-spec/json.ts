/** JSON with exact integers of any size. */
import { badField } from './bad-field.ts';

/** What can be written as JSON here. An `undefined` member is left out. */
export type Json = string | number | bigint | boolean | readonly Json[] | JsonObject;

/** An object of {@link Json}. */
export interface JsonObject {
  readonly [name: string]: Json | undefined;
}

/**
 * Writes a value as JSON. JSON.stringify refuses bigint, and a Number would round what is above 2^53, such as the limit
 * "none" (2^63 - 1) of a memory cgroup.
 * @throws KataError (INTERNAL on the wire) naming the place of a string with a NUL: the reader is a C program, which would
 *   silently cut the string there.
 */
export function toJson(value: Json, path = ''): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'string') {
    if (value.includes('\0')) throw badField(path, value, 'contains a NUL byte');
    return JSON.stringify(value);
  }
  if (typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) return `[${value.map((item, index) => toJson(item, `${path}[${index}]`)).join(',')}]`;
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const at = path === '' ? name : `${path}.${name}`;
    if (name.includes('\0')) throw badField(at, name, 'contains a NUL byte');
    members.push(`${JSON.stringify(name)}:${toJson(member, at)}`);
  }
  return `{${members.join(',')}}`;
}

// Array.isArray does not narrow a readonly array.
function isArray(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}
