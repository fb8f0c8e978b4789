import { describe, expect, it } from 'vitest';
import { resolveUser } from '../../../../src/host/oci-spec/user.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nweb:x:33:44::/:/bin/sh\nbroken:x:abc:1::/:\n:::\n77:x:88:99::/:\n';
const GROUP = 'root:x:0:\nweb:x:44:web\nlogs:x:4:other,web\nnobody\n';

describe('resolveUser()', () => {
  it.each([
    ['', { uid: 0, gid: 0, additionalGids: [] }],
    ['root', { uid: 0, gid: 0, additionalGids: [] }],
    ['web', { uid: 33, gid: 44, additionalGids: [4] }],
    ['33', { uid: 33, gid: 44, additionalGids: [4] }],
    ['web:logs', { uid: 33, gid: 4, additionalGids: [] }],
    ['web:5', { uid: 33, gid: 5, additionalGids: [] }],
    ['1000', { uid: 1000, gid: 0, additionalGids: [] }],
    ['1000:1001', { uid: 1000, gid: 1001, additionalGids: [] }],
    ['4294967294', { uid: 4294967294, gid: 0, additionalGids: [] }],
    // A name that looks like a number is a name first.
    ['77', { uid: 88, gid: 99, additionalGids: [] }],
  ])('resolves %j', (text, expected) => {
    expect(resolveUser(text, PASSWD, GROUP)).toEqual(expected);
  });

  it.each(['nobody', 'broken', '-1', '1.5', '4294967295', '99999999999', 'web:nothing', 'web:-1'])(
    'refuses %j',
    (text) => {
      expect(() => resolveUser(text, PASSWD, GROUP)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    },
  );

  it('needs no files for numbers', () => {
    expect(resolveUser('0:0', '', '')).toEqual({ uid: 0, gid: 0, additionalGids: [] });
  });
});
