import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fsGroup } from '../../../../../src/agent/storage/worker/fs-group.ts';
import { runInNamespaces } from '../../../linux/in-namespaces.ts';

let base: string;
let path: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'fs-group-'));
  path = join(base, 'volume');
  mkdirSync(join(path, 'dir/deep'), { recursive: true });
  for (const directory of ['', 'dir', 'dir/deep']) chmodSync(join(path, directory), 0o700);
  writeFileSync(join(path, 'dir/deep/file'), '');
  chmodSync(join(path, 'dir/deep/file'), 0o600);
});
afterEach(() => rmSync(base, { recursive: true }));

const facts = (name: string): string => {
  const { gid, mode } = lstatSync(join(path, name));
  return `${gid} ${(mode & 0o7777).toString(8)}`;
};
const give = (more: Partial<Parameters<typeof fsGroup>[0]> = {}): boolean =>
  fsGroup({ path, gid: 77, readOnly: false, onlyOnMismatch: false, ...more });

describe('fsGroup', () => {
  it('gives everything to the group, which may write', () => {
    expect(give()).toBe(true);
    expect(['', 'dir', 'dir/deep', 'dir/deep/file'].map(facts)).toEqual(['77 2770', '77 2770', '77 2770', '77 660']);
  });

  it('gives a volume that is read only less', () => {
    give({ readOnly: true });
    expect(['', 'dir', 'dir/deep/file'].map(facts)).toEqual(['77 2750', '77 2750', '77 640']);
  });

  it('knows the group of root', () => {
    give();
    give({ gid: 0 });
    expect(facts('dir/deep/file')).toBe('0 660');
  });

  it('follows no link, neither inside nor to the volume', () => {
    mkdirSync(join(base, 'other'), { mode: 0o700 });
    writeFileSync(join(base, 'other/file'), '');
    chmodSync(join(base, 'other/file'), 0o600);
    symlinkSync(join(base, 'other'), join(path, 'link'));
    symlinkSync(join(base, 'other/file'), join(path, 'dir/link'));
    give();
    expect([facts('../other'), facts('../other/file'), facts('link').split(' ')[0]]).toEqual(['0 700', '0 600', '0']);
    symlinkSync(join(base, 'other'), join(base, 'volume-link'));
    give({ path: join(base, 'volume-link') });
    expect(facts('../other')).toBe('0 700');
  });

  it('leaves a volume alone whose root is right, if asked to', () => {
    give();
    writeFileSync(join(path, 'new'), '');
    const before = facts('new');
    give({ onlyOnMismatch: true });
    expect(facts('new')).toBe(before);
    chmodSync(path, 0o750);
    give({ onlyOnMismatch: true });
    expect(facts('new')).toBe('77 664');
  });

  it('leaves alone what is mounted below, and a file system that cannot be written to', () => {
    const worker = new URL('../../../../../src/agent/storage/worker/fs-group.ts', import.meta.url).href;
    const out = runInNamespaces(
      ['-m'],
      {
        mount: 'mount, MS_BIND, MS_RDONLY, MS_REMOUNT',
        'node:fs': 'mkdirSync, statSync, writeFileSync',
      },
      `const { fsGroup } = await import(${JSON.stringify(worker)});
      const path = ${JSON.stringify(path)};
      const tmpfs = (target) => mount({ source: 'x', target, fstype: 'tmpfs', flags: 0 });
      tmpfs(path);
      mkdirSync(path + '/inner');
      tmpfs(path + '/inner');
      writeFileSync(path + '/inner/file', '');
      const job = { path, gid: 77, readOnly: false, onlyOnMismatch: false };
      const first = fsGroup(job);
      const inner = statSync(path + '/inner').gid;
      mount({ source: '', target: path, fstype: '', flags: MS_REMOUNT | MS_BIND | MS_RDONLY });
      const second = fsGroup({ ...job, gid: 78 });
      console.log(JSON.stringify([first, inner, second, statSync(path).gid]));`,
    );
    expect(JSON.parse(out)).toEqual([true, 0, false, 77]);
  });
});
