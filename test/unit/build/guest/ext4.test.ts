import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ext4Bytes, ext4Script, writeExt4 } from '../../../../build/guest/ext4.ts';
import type { RootEntry } from '../../../../build/guest/rootfs.ts';

const START = 1 << 20;
const BYTES = 24 << 20;
const PROGRAM_BYTES = 600_000;

describe('ext4', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-ext4-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const tree = (programBytes = PROGRAM_BYTES): Map<string, RootEntry> => {
    const source = join(directory, 'source');
    writeFileSync(source, Buffer.alloc(programBytes, 'x'));
    return new Map<string, RootEntry>([
      ['/etc', { kind: 'directory' }],
      ['/etc/ld.so.conf', { kind: 'text', text: '' }],
      ['/etc/two words', { kind: 'text', text: 'text\n' }],
      ['/link', { kind: 'link', target: 'etc' }],
      ['/tmp', { kind: 'directory' }],
      ['/program', { kind: 'file', source, isProgram: true, group: '' }],
    ]);
  };
  const image = (name: string): string => {
    const path = join(directory, name);
    writeFileSync(path, 'header');
    truncateSync(path, START + BYTES);
    return path;
  };
  const ask = (path: string, request: string): string =>
    spawnSync('/usr/sbin/debugfs', ['-R', request, `${path}?offset=${START}`], { encoding: 'utf8' }).stdout;

  it('holds the tree, as root has it', async () => {
    const path = image('one');
    await writeExt4(tree(), path, START, BYTES);
    expect(readFileSync(path).toString('latin1', 0, 6)).toBe('header');
    expect(ask(path, 'cat "/etc/two words"')).toBe('text\n');
    expect(ask(path, 'cat /program')).toHaveLength(PROGRAM_BYTES);
    const program = ask(path, 'stat /program');
    expect(program).toMatch(/Mode:\s+0755/);
    expect(program).toMatch(/User:\s+0\s+Group:\s+0/);
    expect(program).toContain('mtime: 0x386d4380');
    expect(ask(path, 'stat /link')).toContain('Fast link dest: "etc"');
    expect(ask(path, 'stat /tmp')).toMatch(/Type: directory\s+Mode:\s+01777/);
    expect(ask(path, 'ls /etc')).toContain('ld.so.cache');
    // The shim mounts with data=ordered, which the kernel refuses without a journal.
    expect(ask(path, 'features')).toContain('has_journal');
  });

  it('is the same, byte for byte, from the same tree', async () => {
    const [one, two] = [image('one'), image('two')];
    await writeExt4(tree(), one, START, BYTES);
    // Times of the file system are in seconds.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await writeExt4(tree(), two, START, BYTES);
    expect(readFileSync(one).equals(readFileSync(two))).toBe(true);
  });

  it('says so where the tree does not fit', async () => {
    const path = image('small');
    await expect(writeExt4(tree(7 << 20), path, START, 10 << 20)).rejects.toMatchObject({ code: 'ERR_COMMAND' });
  });

  it('refuses a name that debugfs cannot be told', () => {
    expect(() => ext4Script(new Map([['/a"b', { kind: 'directory' }]]), '/s')).toThrow('"/a\\"b" cannot go into ext4');
  });

  it('counts whole blocks, and room for what a file system has of its own', () => {
    expect(ext4Bytes(0, [1, 4096, 4097]) - ext4Bytes(0, [])).toBe(4 * 4096);
    expect(ext4Bytes(1, []) - ext4Bytes(0, [])).toBe(4096 + 256);
  });
});
