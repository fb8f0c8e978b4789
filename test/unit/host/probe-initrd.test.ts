import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { probeInitrd } from '../../../src/host/probe-initrd.ts';

describe('probeInitrd()', () => {
  it('has a program that prints the line and ends', () => {
    const archive = probeInitrd('a word');
    const begin = archive.indexOf(Buffer.from('\x7fELF', 'latin1'));
    const directory = mkdtempSync(join(tmpdir(), 'kata-probe-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const program = join(directory, 'init');
    writeFileSync(program, archive.subarray(begin));
    chmodSync(program, 0o755);
    expect(spawnSync(program, { encoding: 'utf8' })).toMatchObject({ status: 0, stdout: 'a word\n' });
  });

  it('has a console, without which the program would print to nobody', () => {
    expect(probeInitrd('x').toString('latin1')).toContain('dev/console\0');
  });
});
