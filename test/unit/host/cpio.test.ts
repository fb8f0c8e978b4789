import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CpioEntry, encodeCpio } from '../../../src/host/cpio.ts';

const ENTRIES: readonly CpioEntry[] = [
  { kind: 'file', path: 'etc/odd', mode: 0o640, content: Buffer.from('five!') },
  { kind: 'directory', path: 'etc' },
  { kind: 'file', path: 'init', mode: 0o755, content: Buffer.from('#!/bin/sh\n') },
  { kind: 'file', path: 'etc/empty', mode: 0o644, content: Buffer.alloc(0) },
];

describe('encodeCpio', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-cpio-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('writes an archive that busybox unpacks to the same files', () => {
    const done = spawnSync('busybox', ['cpio', '-i', '-m'], { cwd: directory, input: encodeCpio(ENTRIES) });
    expect(done.status).toBe(0);
    expect(readFileSync(join(directory, 'etc/odd'), 'utf8')).toBe('five!');
    expect(readFileSync(join(directory, 'init'), 'utf8')).toBe('#!/bin/sh\n');
    expect(statSync(join(directory, 'etc/empty')).size).toBe(0);
    expect(statSync(join(directory, 'etc/odd')).mode & 0o7777).toBe(0o640);
    expect(statSync(join(directory, 'init')).mode & 0o7777).toBe(0o755);
    expect(statSync(join(directory, 'init')).mtimeMs).toBe(0);
  });

  it('gives the same bytes whatever the order of the entries', () => {
    expect(encodeCpio(ENTRIES.toReversed()).equals(encodeCpio(ENTRIES))).toBe(true);
  });

  it('writes a device node with its numbers', () => {
    const archive = encodeCpio([{ kind: 'character-device', path: 'dev/console', major: 5, minor: 1 }]).toString(
      'latin1',
    );
    const field = (index: number): number => Number.parseInt(archive.slice(6 + index * 8, 14 + index * 8), 16);
    expect(archive.slice(0, 6)).toBe('070701');
    expect(field(1)).toBe(0o020600);
    expect([field(9), field(10)]).toEqual([5, 1]);
    expect(archive.slice(110, 121)).toBe('dev/console');
  });

  it('keeps every part on a boundary of four bytes', () => {
    expect(encodeCpio(ENTRIES).length % 4).toBe(0);
  });
});
