import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createStateDirectory,
  liveStateDirectories,
  staleStateDirectories,
} from '../../../../src/host/state/state-dir.ts';

describe('state directories', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'state-dir-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('gives a name to one owner only, and leaves nothing of a failed try', () => {
    const state = createStateDirectory(join(root, 'run'), 'web');
    expect(state.path).toBe(join(root, 'run', 'web'));
    expect(() => createStateDirectory(join(root, 'run'), 'web')).toThrow(
      expect.objectContaining({
        code: 'ERR_ALREADY_EXISTS',
        message: expect.stringContaining(`process ${process.pid}`),
      }),
    );
    expect(readdirSync(join(root, 'run'))).toEqual(['web']);
  });

  it('refuses a name that leads elsewhere', () => {
    expect(() => createStateDirectory(root, '../x')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
    expect(readdirSync(root)).toEqual([]);
  });

  it('finds those whose owner is gone, and no others', () => {
    createStateDirectory(root, 'mine');
    const dead = createStateDirectory(root, 'dead');
    writeFileSync(dead.file('owner.json'), JSON.stringify({ ...dead.owner(), startTicks: '1' }));
    const broken = createStateDirectory(root, 'broken');
    writeFileSync(broken.file('owner.json'), 'x');
    expect(
      staleStateDirectories(root)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(['broken', 'dead']);
    expect(liveStateDirectories(root).map(({ id }) => id)).toEqual(['mine']);
    expect(staleStateDirectories(join(root, 'nowhere'))).toEqual([]);
  });

  it('keeps pids, and takes no nonsense for one', () => {
    const state = createStateDirectory(root, 'web');
    expect(state.pid('qemu')).toBeUndefined();
    state.recordPid('qemu', 4711);
    expect(state.pid('qemu')).toBe(4711);
    for (const text of ['', '1', '-1', 'x', '1e400']) {
      writeFileSync(state.file('qemu.pid'), text);
      expect(state.pid('qemu')).toBeUndefined();
    }
  });
});
