import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOnce } from '../../../../src/host/image-store/place-once.ts';

describe('placeOnce()', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'place-once-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const fill = (text: string) => (directory: string) => {
    writeFileSync(join(directory, 'file'), text);
    return Promise.resolve();
  };

  it('makes an entry once', async () => {
    await placeOnce(root, 'entry', fill('first'));
    const path = await placeOnce(root, 'entry', fill('second'));
    expect(readFileSync(join(path, 'file'), 'utf8')).toBe('first');
  });

  it('keeps nothing of a failure', async () => {
    const failing = async (directory: string): Promise<void> => {
      await fill('half')(directory);
      throw new Error('no');
    };
    await expect(placeOnce(root, 'entry', failing)).rejects.toThrow('no');
    expect(readdirSync(root)).toEqual([]);
  });

  it('lets one of two racing makers win', async () => {
    await Promise.all([placeOnce(root, 'entry', fill('a')), placeOnce(root, 'entry', fill('b'))]);
    expect(readdirSync(root)).toEqual(['entry']);
  });
});
