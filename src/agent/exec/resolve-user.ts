/** Who a process runs as, by the files of its container. */
import { Buffer, isUtf8 } from 'node:buffer';
import { execError } from './exec-error.ts';
import type { ExecUser } from './starter.ts';
import { asBytes, idOf, type PasswdEntry, parseGroup, parsePasswd } from './user-database.ts';

/** A user in numbers. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Home directory; `/` where the container knows none. */
  readonly home: string;
}

/** Text of `/etc/passwd` and `/etc/group`, Latin-1; each read when it is needed, and empty where it is missing. */
export interface UserFiles {
  readonly passwd: () => string;
  readonly group: () => string;
}

/** setgroups(2), NGROUPS_MAX. */
const GROUPS_MAX = 65_536;

const NO_HOME = '/';

function homeOf(entry: PasswdEntry | undefined): string {
  if (entry === undefined || entry.home === '') return NO_HOME;
  const bytes = Buffer.from(entry.home, 'latin1');
  // Not to be expressed in a specification, which is JSON; better none than another one.
  return isUtf8(bytes) && !bytes.includes(0) ? bytes.toString('utf8') : NO_HOME;
}

function unique(groups: readonly number[], whose: string): readonly number[] {
  const set = new Set(groups);
  if (set.size > GROUPS_MAX) throw execError('user', `${whose} with ${set.size} groups`, 'EINVAL');
  return [...set];
}

function resolveNames(user: Extract<ExecUser, { kind: 'names' }>, files: UserFiles): ResolvedUser {
  const wanted = asBytes(user.user === '' ? '0' : user.user);
  const wantedId = idOf(wanted);
  const passwd = parsePasswd(files.passwd());
  const group = parseGroup(files.group());
  // A name may look like a number, and goes first then.
  const entry = passwd.find(({ name }) => name === wanted) ?? passwd.find(({ uid }) => uid === wantedId);
  const uid = entry?.uid ?? wantedId;
  if (uid === undefined) throw execError('user', JSON.stringify(user.user), '');
  const gidOf = (text: string): number => {
    const gid = group.find(({ name }) => name === asBytes(text))?.gid ?? idOf(text);
    if (gid === undefined) throw execError('user', `${JSON.stringify(user.user)} in group ${JSON.stringify(text)}`, '');
    return gid;
  };
  // Whoever names the group means that one and no others.
  const joined =
    user.group === '' && entry !== undefined ? group.filter(({ members }) => members.includes(entry.name)) : [];
  return {
    uid,
    gid: user.group === '' ? (entry?.gid ?? 0) : gidOf(user.group),
    groups: unique([...joined.map(({ gid }) => gid), ...user.groups.map(gidOf)], user.user),
    home: homeOf(entry),
  };
}

/**
 * Turns a user into numbers.
 *
 * Numbers are taken as they are. Names follow what container engines do: a user is a name or a number, and a number needs
 * no entry; the group is the one that is given, else the user's own, else 0; the groups that list the user as a member are
 * joined unless a group is given.
 * @throws KataError ERR_EXEC of phase `user` for a name that the container does not have.
 */
export function resolveUser(user: ExecUser, files: UserFiles): ResolvedUser {
  if (user.kind === 'names') return resolveNames(user, files);
  const { uid, gid } = user;
  const entry = parsePasswd(files.passwd()).find((candidate) => candidate.uid === uid);
  return { uid, gid, groups: unique(user.groups, `${uid}`), home: homeOf(entry) };
}
