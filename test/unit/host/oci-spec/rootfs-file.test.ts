import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEtcFile } from '../../../../src/host/oci-spec/rootfs-file.ts';

describe('readEtcFile()', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'rootfs-'));
    mkdirSync(join(root, 'etc'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('reads a regular file', () => {
    writeFileSync(join(root, 'etc/passwd'), 'text');
    expect(readEtcFile(root, 'passwd')).toBe('text');
  });

  it('reads no more than a mebibyte', () => {
    writeFileSync(join(root, 'etc/passwd'), 'x'.repeat(2 << 20));
    expect(readEtcFile(root, 'passwd').length).toBe(1 << 20);
  });

  it('follows no link out of the root, and does not wait for a FIFO', () => {
    symlinkSync('/etc/passwd', join(root, 'etc/passwd'));
    execFileSync('mkfifo', [join(root, 'etc/group')]);
    expect(readEtcFile(root, 'passwd')).toBe('');
    expect(readEtcFile(root, 'group')).toBe('');
    rmSync(join(root, 'etc'), { recursive: true });
    expect(readEtcFile(root, 'passwd')).toBe('');
    symlinkSync('/etc', join(root, 'etc'));
    expect(readEtcFile(root, 'passwd')).toBe('');
  });
});
