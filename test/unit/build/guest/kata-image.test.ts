import { describe, expect, it } from 'vitest';
import { rootModules } from '../../../../build/guest/kata-image.ts';

describe('rootModules()', () => {
  const EITHER = ['erofs', 'squashfs'];

  it.each([
    [['image'], 'ext4', undefined, ['ext4']],
    [['image'], 'erofs', 'squashfs', ['erofs']],
    [['initrd'], 'ext4', undefined, [EITHER]],
    [['initrd'], 'ext4', 'squashfs', ['squashfs']],
    [['image', 'initrd'], 'ext4', undefined, ['ext4', EITHER]],
  ] as const)('of %j with %s and %s are %j', (forms, rootType, archiveType, wanted) => {
    expect(rootModules({ forms, rootType, ...(archiveType === undefined ? {} : { archiveType }) })).toEqual(wanted);
  });
});
