import { describe, expect, it } from 'vitest';
import { virtiofsdArguments, virtiofsdKind } from '../../../src/host/virtiofsd.ts';

describe('virtiofsdKind()', () => {
  it.each([
    [
      'virtiofsd version 7.2.22 (Debian 1:7.2)\nCopyright (c) 2003-2022 Fabrice Bellard and the QEMU Project developers',
      'c',
    ],
    ['virtiofsd version 6.2.0\nusing FUSE kernel interface version 7.33', 'c'],
    ['virtiofsd backend 1.5.1', 'rust'],
    ['virtiofsd 1.13.0', 'rust'],
  ])('tells %j', (text, kind) => {
    expect(virtiofsdKind(text)).toBe(kind);
  });
});

describe('virtiofsdArguments()', () => {
  it('speaks to each in its own way', () => {
    expect(virtiofsdArguments('c', 3, '/s')).toEqual(
      expect.arrayContaining(['--fd=3', '-o', expect.stringContaining('source=/s,cache=auto')]),
    );
    expect(virtiofsdArguments('rust', 3, '/s')).toEqual(
      expect.arrayContaining(['--fd=3', '--shared-dir=/s', '--cache=auto']),
    );
  });
});
