import { describe, expect, it } from 'vitest';
import { resolveUser } from '../../../../src/agent/exec/resolve-user.ts';

const PASSWD = [
  'root:x:0:0:root:/root:/bin/sh',
  '# a comment:x:1:1::/:',
  'broken',
  'web:x:1000:1001:The Web,,,:/home/web:/bin/false',
  'no-number:x:abc:1::/:',
  'too-high:x:4294967295:1::/:',
  'homeless:x:7:8',
  '1234:x:99:98::/of-the-name:',
  'caf\xc3\xa9:x:12:13::/home/caf\xc3\xa9:',
  'bytes:x:14:14::/home/\xff:',
  'web:x:5:5::/second:',
].join('\n');
const GROUP = ['root:x:0:', 'web:x:1001:', 'staff:x:50:web,root', 'wheel:x:10:root', 'bad:x:-1:web', ''].join('\n');

const resolve = (user: string, group = '', groups: readonly string[] = []) =>
  resolveUser({ kind: 'names', user, group, groups }, { passwd: () => PASSWD, group: () => GROUP });

describe('a user by name', () => {
  it.each([
    ['web', { uid: 1000, gid: 1001, groups: [50], home: '/home/web' }],
    ['', { uid: 0, gid: 0, groups: [50, 10], home: '/root' }],
    ['1000', { uid: 1000, gid: 1001, groups: [50], home: '/home/web' }],
    ['4711', { uid: 4711, gid: 0, groups: [], home: '/' }],
    ['1234', { uid: 99, gid: 98, groups: [], home: '/of-the-name' }],
    ['homeless', { uid: 7, gid: 8, groups: [], home: '/' }],
    ['caf\u00e9', { uid: 12, gid: 13, groups: [], home: '/home/caf\u00e9' }],
    ['bytes', { uid: 14, gid: 14, groups: [], home: '/' }],
  ])('%j is looked up', (user, expected) => {
    expect(resolve(user)).toEqual(expected);
  });

  it('in a group that is given has that one and no others but those given', () => {
    expect(resolve('web', 'wheel')).toMatchObject({ gid: 10, groups: [] });
    expect(resolve('web', '77', ['staff', '8', 'staff'])).toMatchObject({ gid: 77, groups: [50, 8] });
    expect(resolve('web', '', ['8'])).toMatchObject({ gid: 1001, groups: [50, 8] });
  });

  it.each([
    ['bob', '', 'the user "bob" is unknown (user)'],
    ['no-number', '', 'the user "no-number" is unknown (user)'],
    ['4294967295', '', 'the user "4294967295" is unknown (user)'],
    ['-1', '', 'the user "-1" is unknown (user)'],
    ['web', 'none', 'the user "web" in group "none" is unknown (user)'],
  ])('%j in group %j is refused', (user, group, text) => {
    expect(() => resolve(user, group)).toThrow(expect.objectContaining({ code: 'ERR_EXEC', message: text }));
  });

  it('does not need the files for numbers', () => {
    const files = { passwd: () => '', group: () => '' };
    const user = { kind: 'names', user: '3', group: '4', groups: ['5'] } as const;
    expect(resolveUser(user, files)).toEqual({ uid: 3, gid: 4, groups: [5], home: '/' });
  });
});

describe('a user by number', () => {
  it('is taken as it is, and its home is looked up', () => {
    const files = { passwd: () => PASSWD, group: () => GROUP };
    const user = { kind: 'numbers', uid: 1000, gid: 7, groups: [3, 3] } as const;
    expect(resolveUser(user, files)).toEqual({ uid: 1000, gid: 7, groups: [3], home: '/home/web' });
  });

  it('with more groups than a process can have is refused', () => {
    const groups = Array.from({ length: 65_537 }, (_, number) => number);
    const files = { passwd: () => '', group: () => '' };
    expect(() => resolveUser({ kind: 'numbers', uid: 1, gid: 1, groups }, files)).toThrow('65537 groups');
  });
});
