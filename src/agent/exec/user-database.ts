/**
 * A container's passwd and group files. They are whatever the container makes of them: lines that are not right are passed
 * over, as libc does. The text is Latin-1, one character a byte, so that no byte is changed.
 */
import { Buffer } from 'node:buffer';

/** A line of passwd(5), as far as it matters. */
export interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** A line of group(5). */
export interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The highest number of a user or group: the one above means "no change" to the kernel. */
const ID_MAX = 0xffff_fffe;
const ID = /^\d{1,10}$/;

/** The number that a text is; undefined where it is none, or too high. */
export function idOf(text: string): number | undefined {
  const number = ID.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  return number <= ID_MAX ? number : undefined;
}

/** The bytes of a text as the files have them. */
export function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function entries<T>(text: string, parse: (fields: readonly string[]) => T | undefined): readonly T[] {
  return text.split('\n').flatMap((line) => {
    const entry = line.startsWith('#') ? undefined : parse(line.split(':'));
    return entry === undefined ? [] : [entry];
  });
}

/** Reads passwd(5): `name:password:uid:gid:comment:home:shell`. */
export function parsePasswd(text: string): readonly PasswdEntry[] {
  return entries(text, ([name = '', , uidText = '', gidText = '', , home = '']) => {
    const [uid, gid] = [idOf(uidText), idOf(gidText)];
    return name === '' || uid === undefined || gid === undefined ? undefined : { name, uid, gid, home };
  });
}

/** Reads group(5): `name:password:gid:member,member`. */
export function parseGroup(text: string): readonly GroupEntry[] {
  return entries(text, ([name = '', , gidText = '', members = '']) => {
    const gid = idOf(gidText);
    return name === '' || gid === undefined ? undefined : { name, gid, members: members.split(',') };
  });
}
