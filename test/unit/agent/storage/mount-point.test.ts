import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { makeDirectory, mayHang, mountedType, runShareScript } from '../../../../src/agent/storage/mount-point.ts';

const reaper = new Reaper(createLogger({ write: () => {} }, 'fatal'));
beforeAll(() => reaper.start());
afterAll(() => reaper.stop());

describe('mayHang', () => {
  const TABLE = [
    { source: 'root', target: '/', fstype: 'erofs', options: 'rw' },
    { source: 'tmpfs', target: '/run', fstype: 'tmpfs', options: 'rw' },
    { source: 'kataShared', target: '/run/k/shared', fstype: 'virtiofs', options: 'rw' },
    { source: 'shm', target: '/run/k/shared/c/shm', fstype: 'tmpfs', options: 'rw' },
    { source: 'disk', target: '/data', fstype: 'ext4', options: 'rw' },
  ];
  it.each([
    ['/etc', false],
    ['/run/k', false],
    ['/run/k/sharedness', false],
    ['/run/k/shared', true],
    ['/run/k/shared/c/rootfs', true],
    ['/run/k/shared/c/shm/x', false],
    ['/data/x', true],
  ])('%s: %s', (path, expected) => {
    expect(mayHang(TABLE, path)).toBe(expected);
  });

  it('is careful without a table', () => {
    expect(mayHang([], '/x')).toBe(true);
  });
});

describe('mountedType', () => {
  it('finds a mount point, with a closing slash too', () => {
    expect([mountedType('/proc'), mountedType('/proc/'), mountedType('/proc/self')]).toEqual([
      'proc',
      'proc',
      undefined,
    ]);
  });
});

describe('runShareScript', () => {
  it('passes paths as they are and says why it failed', async () => {
    await runShareScript(reaper, 'x', '[ "$1" = "a  b\'c" ]', ["a  b'c"]);
    await expect(runShareScript(reaper, 'what', 'echo why >&2; exit 3', [])).rejects.toThrow('what: why');
    await expect(runShareScript(reaper, 'what', 'exit 3', [])).rejects.toThrow('what: exit status 3');
  });
});

it('makes a directory with its parents, once or again', async () => {
  const base = mkdtempSync(join(tmpdir(), 'storage-'));
  try {
    await makeDirectory(reaper, `${base}/a/b`);
    await makeDirectory(reaper, `${base}/a/b`);
    expect(existsSync(`${base}/a/b`)).toBe(true);
  } finally {
    rmSync(base, { recursive: true });
  }
});
