import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RootEntry } from '../../../../build/guest/rootfs.ts';
import { squashfsVersion, writeSquashfs } from '../../../../build/guest/squashfs.ts';
import { mustRun } from '../../../../src/host/program.ts';

describe('squashfs', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-squashfs-'));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    rmSync(directory, { recursive: true });
  });

  const write = async (name: string): Promise<string> => {
    const source = join(directory, 'source');
    writeFileSync(source, Buffer.alloc(300_000, 'x'));
    const entries: [string, RootEntry][] = [
      ['/etc', { kind: 'directory' }],
      ['/etc/ld.so.conf', { kind: 'text', text: '' }],
      ['/init', { kind: 'link', target: 'program' }],
      ['/program', { kind: 'file', source, isProgram: true, group: '' }],
      ['/tmp', { kind: 'directory' }],
    ];
    const image = join(directory, name);
    await writeSquashfs(new Map(entries), image);
    return image;
  };

  it('holds the tree with owner, modes and times of a guest, and nothing else is left', async () => {
    const image = await write('one');
    const listing = await mustRun(['unsquashfs', '-UTC', '-lln', image], { timeoutMs: 60_000 });
    const rows = listing.split('\n').filter((line) => line.includes('squashfs-root'));
    expect(rows.map((row) => row.replace(/ +/g, ' '))).toEqual([
      expect.stringMatching(/^drwxr-xr-x 0\/0 \d+ 2000-01-01 00:00 squashfs-root$/),
      expect.stringMatching(/^drwxr-xr-x 0\/0 .* squashfs-root\/etc$/),
      expect.stringMatching(/^-rw-r--r-- 0\/0 .* squashfs-root\/etc\/ld.so.cache$/),
      expect.stringMatching(/^-rw-r--r-- 0\/0 0 .* squashfs-root\/etc\/ld.so.conf$/),
      expect.stringMatching(/^lrwxrwxrwx 0\/0 .* squashfs-root\/init -> program$/),
      expect.stringMatching(/^-rwxr-xr-x 0\/0 300000 2000-01-01 00:00 squashfs-root\/program$/),
      expect.stringMatching(/^drwxrwxrwt 0\/0 .* squashfs-root\/tmp$/),
    ]);
    expect(() => readFileSync(`${image}.tree/program`)).toThrow('ENOENT');
  });

  it('is the same twice, whatever time the environment names', async () => {
    const one = readFileSync(await write('one'));
    vi.stubEnv('SOURCE_DATE_EPOCH', '5');
    expect(readFileSync(await write('two')).equals(one)).toBe(true);
    expect(await squashfsVersion()).toMatch(/^mksquashfs version \d.* gzip /);
  });
});
