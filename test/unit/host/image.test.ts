import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  decodeImageManifest,
  encodeImageManifest,
  findImage,
  type GuestImage,
  IMAGE_MANIFEST,
} from '../../../src/host/image.ts';

const IMAGE: GuestImage = {
  kernel: 'kernel/a/kernel',
  initrd: 'initrd/b/initrd',
  rootfs: '/elsewhere/root.erofs',
  kernelVersion: '6.1.0-56-cloud-amd64',
  kernelOrigin: 'debian',
  id: 'ab12',
};

describe('decodeImageManifest', () => {
  it('reads what was written, and completes relative paths', () => {
    expect(decodeImageManifest(encodeImageManifest(IMAGE), '/cache')).toEqual({
      ...IMAGE,
      kernel: '/cache/kernel/a/kernel',
      initrd: '/cache/initrd/b/initrd',
    });
  });

  it.each([
    ['no JSON', '{"format":1'],
    ['another format', encodeImageManifest(IMAGE).replace('"format": 1', '"format": 2')],
    ['a missing part', encodeImageManifest({ ...IMAGE, rootfs: '' })],
    ['an unknown origin', encodeImageManifest(IMAGE).replace('"debian"', '"moon"')],
    ['a list', '[]'],
  ])('is undefined for %s', (_what, text) => {
    expect(decodeImageManifest(text, '/cache')).toBeUndefined();
  });
});

describe('findImage', () => {
  let cache = '';
  beforeEach(() => {
    cache = mkdtempSync(join(tmpdir(), 'kata-image-'));
  });
  afterEach(() => rmSync(cache, { recursive: true, force: true }));

  it('says how to make one where there is none', () => {
    expect(() => findImage(cache)).toThrow(/no guest image has been built yet .*"kata-sandbox build" makes one/);
  });

  it('refuses a manifest whose files are gone, and names the file', () => {
    const text = encodeImageManifest({ ...IMAGE, kernel: 'k', initrd: 'i', rootfs: 'r' });
    writeFileSync(join(cache, IMAGE_MANIFEST), text);
    writeFileSync(join(cache, 'k'), '');
    writeFileSync(join(cache, 'i'), '');
    expect(() => findImage(cache)).toThrow(join(cache, 'r'));
    writeFileSync(join(cache, 'r'), '');
    expect(findImage(cache).rootfs).toBe(join(cache, 'r'));
  });
});
