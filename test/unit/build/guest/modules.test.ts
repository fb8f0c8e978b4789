import { describe, expect, it } from 'vitest';
import {
  chooseModules,
  loadOrder,
  missingModules,
  moduleName,
  parseModuleIndex,
} from '../../../../build/guest/modules.ts';

const INDEX = parseModuleIndex(
  [
    'kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko',
    'kernel/drivers/virtio/virtio_ring.ko:',
    'kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko',
    'kernel/fs/fuse/virtiofs.ko.xz: kernel/fs/fuse/fuse.ko.xz kernel/drivers/virtio/virtio.ko',
    'kernel/fs/fuse/fuse.ko.xz:',
    'kernel/crypto/crc32c-intel.ko.zst:',
    '',
  ].join('\n'),
  'kernel/fs/ext4/ext4.ko\nkernel/lib/libcrc32c.ko\n',
);

const list = (boot: string[], required: string[] = [], optional: string[] = []) => ({
  boot,
  memoryRoot: [],
  fileRoot: [],
  console: [],
  required,
  optional,
});

describe('moduleName', () => {
  it.each([
    ['kernel/crypto/crc32c-intel.ko.zst', 'crc32c_intel'],
    ['kernel/fs/fuse/fuse.ko.xz', 'fuse'],
    ['a/b.ko.gz', 'b'],
    ['dm-mod', 'dm_mod'],
  ])('of %s is %s', (file, name) => expect(moduleName(file)).toBe(name));
});

describe('loadOrder', () => {
  it('puts every module behind what it needs, also what that needs', () => {
    expect(loadOrder(INDEX, ['virtio_blk', 'virtiofs', 'ext4', 'nosuch'])).toEqual([
      'kernel/drivers/virtio/virtio_ring.ko',
      'kernel/drivers/virtio/virtio.ko',
      'kernel/drivers/block/virtio_blk.ko',
      'kernel/fs/fuse/fuse.ko.xz',
      'kernel/fs/fuse/virtiofs.ko.xz',
    ]);
  });
});

describe('chooseModules', () => {
  it('takes what is optional where it is there, and nothing of what is built in', () => {
    const files = chooseModules(INDEX, list(['ext4'], ['libcrc32c'], ['crc32c-intel', 'nosuch']), []);
    expect(files).toEqual(['kernel/crypto/crc32c-intel.ko.zst']);
  });

  it('takes of several for the root each that is there', () => {
    expect(chooseModules(INDEX, list([]), [['erofs', 'fuse']])).toEqual(['kernel/fs/fuse/fuse.ko.xz']);
  });

  it('refuses a kernel without a needed module, and names it', () => {
    expect(() => chooseModules(INDEX, list(['virtio_blk'], ['overlay', 'veth']), [])).toThrow(
      'the kernel lacks the modules overlay, veth',
    );
    expect(() => chooseModules(INDEX, list(['virtio_blk']), ['ext4', ['erofs', 'squashfs']])).toThrow(
      'the kernel lacks the modules erofs or squashfs',
    );
  });
});

describe('missingModules', () => {
  it('knows files and what is built in', () => {
    expect(missingModules(INDEX, ['fuse', 'ext4', 'xfs'])).toEqual(['xfs']);
  });
});
