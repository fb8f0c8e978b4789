import { describe, expect, it } from 'vitest';
import { propagationNote } from '../../../../src/host/kata-virtiofsd/propagation.ts';

const line = (tags: string, point = '/run/s/shared'): string =>
  `61 60 253:0 /run/s/mounts ${point} ro,relatime ${tags === '' ? '' : `${tags} `}- ext4 /dev/vda1 rw`;

describe('propagationNote()', () => {
  it('warns of a share that is private', () => {
    expect(propagationNote(`${line('', '/')}\n${line('')}\n`, '/run/s/shared')).toContain('mount --make-rshared /');
  });

  it.each(['master:1', 'shared:7 master:1', 'shared:3'])('has nothing to say of one with %s', (tags) => {
    expect(propagationNote(line(tags), '/run/s/shared')).toBeUndefined();
  });

  it('looks at the mount on top', () => {
    expect(propagationNote(`${line('')}\n${line('master:1')}`, '/run/s/shared')).toBeUndefined();
    expect(propagationNote(`${line('master:1')}\n${line('')}`, '/run/s/shared')).toBeDefined();
  });

  it('has nothing to say of a directory that is no mount', () => {
    expect(propagationNote(line('', '/'), '/run/s/shared')).toBeUndefined();
  });
});
