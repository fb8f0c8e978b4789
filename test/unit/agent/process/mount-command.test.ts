import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { mountByChild, umountByChild } from '../../../../src/agent/process/mount-command.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';

/** Only stops a hang (ms). */
const deadlineMs = 20_000;
const reaper = new Reaper(createLogger({ write: () => {} }, 'fatal'));
let target: string;
beforeAll(() => {
  reaper.start();
  target = mkdtempSync(join(tmpdir(), 'mount by child-'));
});
afterAll(() => {
  reaper.stop();
  rmdirSync(target);
});

const mounts = (): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('by-child '));

describe('mountByChild and umountByChild', () => {
  it.each([false, true])('mounts with options and unmounts, lazily: %s', async (lazy) => {
    const options = ['nosuid', 'size=64k'];
    await mountByChild(reaper, { source: 'by-child', target, fstype: 'tmpfs', options, deadlineMs });
    const [line] = mounts();
    await umountByChild(reaper, target, { lazy, deadlineMs });
    expect(line).toMatch(/tmpfs rw,nosuid,.*size=64k/);
    expect(mounts()).toEqual([]);
  });

  it('says what the program said', async () => {
    const request = { source: '-x', target: '/no/such', fstype: 'tmpfs', options: [], deadlineMs };
    await expect(mountByChild(reaper, request)).rejects.toMatchObject({
      code: 'ERR_COMMAND',
      message: expect.stringMatching(/^mount tmpfs "-x" on "\/no\/such": .*mount point/),
    });
    await expect(umountByChild(reaper, target, { lazy: false, deadlineMs })).rejects.toThrow('not mounted');
  });
});
