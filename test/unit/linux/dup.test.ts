import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { duplicateTo } from '../../../src/linux/dup.ts';

it('gives a descriptor to another file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dup-'));
  const [one, two] = ['one', 'two'].map((name) => join(directory, name)) as [string, string];
  const [first, second] = [openSync(one, 'w'), openSync(two, 'w')];
  try {
    duplicateTo(second, first);
    closeSync(second);
    writeSync(first, 'text');
    expect([readFileSync(one, 'utf8'), readFileSync(two, 'utf8')]).toEqual(['', 'text']);
    expect(() => duplicateTo(second, first)).toThrow('EBADF');
  } finally {
    closeSync(first);
    rmSync(directory, { recursive: true });
  }
});
