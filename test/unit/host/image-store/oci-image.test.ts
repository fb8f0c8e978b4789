import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blobPath, isOciLayout, parseReference } from '../../../../src/host/image-store/oci-image.ts';

describe('parseReference()', () => {
  const isLayout = (path: string): boolean => path === './layout';

  it.each([
    ['./layout', `oci:${resolve('layout')}`],
    ['./layout:v1', `oci:${resolve('layout')}:v1`],
    ['docker-archive:a.tar', `docker-archive:${resolve('a.tar')}`],
    ['alpine', 'docker://alpine'],
    ['registry.example:5000/a/b:1', 'docker://registry.example:5000/a/b:1'],
  ])('understands %j', (reference, skopeo) => {
    expect(parseReference(reference, isLayout)).toEqual({ reference, skopeo });
  });

  it('refuses an empty one', () => {
    expect(() => parseReference('', isLayout)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  });
});

describe('blobs of a layout', () => {
  it('are reached by a digest only', () => {
    const layout = mkdtempSync(join(tmpdir(), 'layout-'));
    try {
      const hex = 'a'.repeat(64);
      mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
      writeFileSync(join(layout, 'blobs/sha256', hex), '');
      expect(isOciLayout(layout)).toBe(false);
      writeFileSync(join(layout, 'oci-layout'), '{}');
      expect(isOciLayout(layout)).toBe(true);
      expect(blobPath(layout, `sha256:${hex}`)).toBe(join(layout, 'blobs/sha256', hex));
      for (const digest of [undefined, 7, 'sha256:', 'sha256:../../oci-layout', `sha256:${'b'.repeat(64)}`]) {
        expect(() => blobPath(layout, digest)).toThrow(expect.objectContaining({ code: 'ERR_COMMAND' }));
      }
    } finally {
      rmSync(layout, { recursive: true });
    }
  });
});
