/** Finds the numbers of a user in a container's own account files, which are untrusted text. */
import { KataError } from '../../wire/error.ts';

/** The numbers a process runs with. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

/** The largest id that Linux has: 2^32-1 means "leave as it is" to chown(2) and setresuid(2). */
const MAX_ID = 0xffff_fffe;

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** An id in decimal, or undefined where the text is something else. */
export function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

/** Lines of passwd(5); lines that do not follow the format are passed over. */
function parseAccounts(passwd: string): Account[] {
  return passwd.split('\n').flatMap((line) => {
    const [name, , uidText, gidText] = line.split(':');
    const [uid, gid] = [parseId(uidText), parseId(gidText)];
    return name === undefined || uid === undefined || gid === undefined ? [] : [{ name, uid, gid }];
  });
}

/** Lines of group(5); lines that do not follow the format are passed over. */
function parseGroups(group: string): Group[] {
  return group.split('\n').flatMap((line) => {
    const [name, , gidText, members = ''] = line.split(':');
    const gid = parseId(gidText);
    return name === undefined || gid === undefined ? [] : [{ name, gid, members: members.split(',') }];
  });
}

/**
 * Resolves `USER` or `USER:GROUP`, each a name or a number. The rules are those of the OCI image configuration's
 * `User`: without a group, the user's own group and the groups that list the user; group 0 for a number that no
 * account has.
 * @param passwd text of the container's `/etc/passwd`, empty where it has none; `group` likewise.
 * @throws KataError ERR_INVALID_ARGUMENT where a name is not in the files.
 */
export function resolveUser(text: string, passwd: string, group: string): ResolvedUser {
  const separator = text.indexOf(':');
  const userText = separator < 0 ? text : text.slice(0, separator);
  const groupText = separator < 0 ? '' : text.slice(separator + 1);
  const accounts = parseAccounts(passwd);
  const groups = parseGroups(group);

  const byName =
    userText === '' ? accounts.find(({ uid }) => uid === 0) : accounts.find(({ name }) => name === userText);
  const uid = byName?.uid ?? (userText === '' ? 0 : parseId(userText));
  if (uid === undefined) {
    throw new KataError(
      'ERR_INVALID_ARGUMENT',
      `user ${JSON.stringify(userText)} is not in the container's /etc/passwd`,
    );
  }
  const account = byName ?? accounts.find((each) => each.uid === uid);
  if (groupText !== '') {
    const gid = groups.find(({ name }) => name === groupText)?.gid ?? parseId(groupText);
    if (gid === undefined) {
      throw new KataError(
        'ERR_INVALID_ARGUMENT',
        `group ${JSON.stringify(groupText)} is not in the container's /etc/group`,
      );
    }
    return { uid, gid, additionalGids: [] };
  }
  const gid = account?.gid ?? 0;
  const listed = groups.filter(({ members }) => account !== undefined && members.includes(account.name));
  const additionalGids = [...new Set(listed.map((each) => each.gid))].filter((each) => each !== gid);
  return { uid, gid, additionalGids };
}
