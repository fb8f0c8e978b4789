import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mirror, removeMirror } from '../../../../../src/agent/storage/worker/mirror.ts';

let base: string;
let source: string;
let root: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'mirror-'));
  source = join(base, 'source');
  root = join(base, 'watchable');
  mkdirSync(root);
  mkdirSync(source);
});
afterEach(() => rmSync(base, { recursive: true }));

const run = (): boolean => mirror({ source, root, name: 'copy' });
const copyOf = (path: string): string => join(root, 'copy', path);
const text = (path: string): string => readFileSync(copyOf(path), 'utf8');

/** A volume of settings as Kubernetes makes one. */
function version(name: string, value: string): void {
  mkdirSync(join(source, name));
  writeFileSync(join(source, name, 'key'), value);
}

describe('mirror', () => {
  it('copies files, directories and links with owner and mode', () => {
    version('..1', 'one');
    symlinkSync('..1', join(source, '..data'));
    symlinkSync('..data/key', join(source, 'key'));
    chmodSync(join(source, '..1/key'), 0o440);
    chownSync(join(source, '..1/key'), 5, 6);
    chmodSync(source, 0o2750);
    expect(run()).toBe(true);
    expect([text('key'), readlinkSync(copyOf('key')), readlinkSync(copyOf('..data'))]).toEqual([
      'one',
      '..data/key',
      '..1',
    ]);
    const { uid, gid, mode } = statSync(copyOf('..1/key'));
    expect([uid, gid, mode & 0o7777, statSync(copyOf('')).mode & 0o7777]).toEqual([5, 6, 0o440, 0o2750]);
  });

  it('follows the swap of a link, and takes what has gone away', () => {
    version('..1', 'one');
    symlinkSync('..1', join(source, '..data'));
    run();
    version('..2', 'two');
    symlinkSync('..2', join(source, '..tmp'));
    renameSync(join(source, '..tmp'), join(source, '..data'));
    rmSync(join(source, '..1'), { recursive: true });
    run();
    expect([readdirSync(copyOf('')).toSorted(), text('..data/key')]).toEqual([['..2', '..data'], 'two']);
  });

  it('copies what has changed, and nothing else', () => {
    writeFileSync(join(source, 'a'), '1');
    writeFileSync(join(source, 'b'), '1');
    run();
    const [a, b] = [statSync(copyOf('a')).ino, statSync(copyOf('b')).ino];
    writeFileSync(join(source, 'b'), '2');
    run();
    expect([text('a'), text('b'), statSync(copyOf('a')).ino === a, statSync(copyOf('b')).ino === b]).toEqual([
      '1',
      '2',
      true,
      false,
    ]);
  });

  it('changes the kind of an entry', () => {
    writeFileSync(join(source, 'x'), '1');
    run();
    unlinkSync(join(source, 'x'));
    version('x', 'in a directory');
    run();
    expect(text('x/key')).toBe('in a directory');
    rmSync(join(source, 'x'), { recursive: true });
    symlinkSync('nowhere', join(source, 'x'));
    run();
    expect(lstatSync(copyOf('x')).isSymbolicLink()).toBe(true);
  });

  it('writes a single file in place: containers have the file itself', () => {
    rmSync(source, { recursive: true });
    writeFileSync(source, 'a long first text');
    run();
    linkSync(join(root, 'copy'), join(root, 'held'));
    renameSync(source, `${source}.old`);
    writeFileSync(source, 'second', { mode: 0o604 });
    chmodSync(source, 0o604);
    run();
    expect([readFileSync(join(root, 'held'), 'utf8'), statSync(join(root, 'held')).mode & 0o777]).toEqual([
      'second',
      0o604,
    ]);
  });

  it('makes a copy anew that was removed', () => {
    writeFileSync(join(source, 'a'), '1');
    run();
    rmSync(join(root, 'copy'), { recursive: true });
    run();
    expect(text('a')).toBe('1');
    removeMirror({ root, name: 'copy' });
    expect(readdirSync(root)).toEqual([]);
    removeMirror({ root, name: 'copy' });
    run();
    expect(text('a')).toBe('1');
  });

  it('gives up what is more than 16 entries or 1 MiB', () => {
    for (let index = 0; index < 16; index += 1) writeFileSync(join(source, `f${index}`), '');
    expect(run()).toBe(true);
    mkdirSync(join(source, 'one-more'));
    expect(run()).toBe(false);
    rmSync(source, { recursive: true });
    mkdirSync(source);
    writeFileSync(join(source, 'large'), Buffer.alloc(1024 * 1024));
    expect(run()).toBe(true);
    writeFileSync(join(source, 'byte'), 'x');
    expect(run()).toBe(false);
    rmSync(source, { recursive: true });
    writeFileSync(source, Buffer.alloc(1024 * 1024 + 1));
    expect(run()).toBe(false);
  });

  it('does not leave the copy by a link that somebody put there', () => {
    version('d', 'new');
    run();
    mkdirSync(join(base, 'outside'));
    writeFileSync(join(base, 'outside/key'), 'untouched');
    rmSync(copyOf('d'), { recursive: true });
    symlinkSync(join(base, 'outside'), copyOf('d'));
    writeFileSync(join(source, 'd/key'), 'changed');
    expect(run).toThrow();
    rmSync(join(source, 'd'), { recursive: true });
    run();
    expect(readFileSync(join(base, 'outside/key'), 'utf8')).toBe('untouched');
    expect(readdirSync(copyOf(''))).toEqual([]);
  });

  it('says that a source has gone', () => {
    rmSync(source, { recursive: true });
    expect(run).toThrow('ENOENT');
  });
});
