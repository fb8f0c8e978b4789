import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LostSandboxes } from '../../../../src/host/keeper/lost-sandboxes.ts';

const LOST = {
  info: { id: 'web', keeperPid: 1, qemuPid: 2, createdAt: 3, containers: [] },
  error: { code: 'ERR_UNAVAILABLE', message: 'sandbox web is lost' },
  at: 4,
};

describe('lost sandboxes', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'lost-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('are remembered with their logs until they are removed', () => {
    const lost = new LostSandboxes(root);
    expect(lost.all()).toEqual([]);
    expect(lost.get('web')).toBeUndefined();
    for (const text of ['first', 'second']) {
      const logs = join(root, 'web', 'logs');
      mkdirSync(logs, { recursive: true });
      writeFileSync(join(logs, 'a.log'), text);
      lost.add(LOST, logs);
      expect(existsSync(logs)).toBe(false);
      expect(readFileSync(join(lost.logDirectory('web'), 'a.log'), 'utf8')).toBe(text);
    }
    expect(lost.all()).toEqual([LOST]);
    expect(new LostSandboxes(root).get('web')).toEqual(LOST);
    lost.remove('web');
    lost.remove('web');
    expect(lost.all()).toEqual([]);
  });

  it('cannot be used to reach elsewhere, and a damaged record is none', () => {
    const lost = new LostSandboxes(root);
    expect(() => lost.remove('../x')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    mkdirSync(join(root, '.lost', 'web'), { recursive: true });
    writeFileSync(join(root, '.lost', 'web', 'record.json'), '{}');
    expect(lost.all()).toEqual([]);
  });
});
