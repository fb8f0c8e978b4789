import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { hugePagesOf, reserveHugePages } from '../../../../src/agent/storage/huge-pages.ts';

const reaper = new Reaper(createLogger({ write: () => {} }, 'fatal'));
beforeAll(() => reaper.start());
afterAll(() => reaper.stop());

describe('hugePagesOf', () => {
  it('reads one option or two', () => {
    const expected = { pageKib: 2048n, count: 3n };
    expect(hugePagesOf(['pagesize=2097152,size=6291456'])).toEqual(expected);
    expect(hugePagesOf(['size=6291456', 'pagesize=2097152'])).toEqual(expected);
  });

  it.each([[[]], [['pagesize=2097152']], [['size=1']], [['pagesize=2M,size=4M']], [['pagesize=2097152,size=2097151']]])(
    'refuses %j',
    (options) => {
      expect(() => hugePagesOf(options)).toThrow('does not name pagesize and size in bytes');
    },
  );
});

describe('reserveHugePages', () => {
  let root: string;
  const file = (): string => join(root, 'hugepages-2048kB/nr_hugepages');
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'huge-pages-'));
    mkdirSync(join(root, 'hugepages-2048kB'));
    writeFileSync(file(), '5\n');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('adds to what there is', async () => {
    await reserveHugePages(reaper, { pageKib: 2048n, count: 3n }, root);
    expect(readFileSync(file(), 'utf8')).toBe('8\n');
  });

  it('says that there are no such pages', async () => {
    const refused = reserveHugePages(reaper, { pageKib: 4n, count: 3n }, root);
    await expect(refused).rejects.toMatchObject({ status: 13 });
    await expect(refused).rejects.toThrow('3 huge pages of 4 KiB: there are no pages of that size');
  });
});
