import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileThread } from '../../../../src/agent/storage/file-thread.ts';
import type { CopyJob } from '../../../../src/agent/storage/worker/job.ts';

/** Only stops a hang (ms). */
const LIMIT_MS = 30_000;

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'file-thread-'));
});
afterEach(() => rmSync(base, { recursive: true }));

const job = (name: string, text: string): CopyJob => ({
  root: join(base, 'root'),
  names: [name],
  directoryMode: 0o755,
  uid: 0,
  gid: 0,
  content: { kind: 'part', mode: 0o644, size: text.length, offset: 0, data: Buffer.from(text) },
});

describe('FileThread', () => {
  it('does jobs in their order, each with its own kind of result', async () => {
    const thread = new FileThread();
    const group = { path: base, gid: 0, readOnly: false, onlyOnMismatch: true };
    const results = await Promise.all([
      thread.run('copy', job('a', 'one'), LIMIT_MS),
      thread.run('copy', job('a', 'two'), LIMIT_MS),
      thread.run('fsGroup', group, LIMIT_MS),
    ]);
    expect(results).toEqual([undefined, undefined, true]);
    expect(readFileSync(join(base, 'root/a'), 'utf8')).toBe('two');
  });

  it('passes errors on with code and errno, and goes on', async () => {
    const thread = new FileThread();
    const group = { path: join(base, 'absent'), gid: 0, readOnly: false, onlyOnMismatch: false };
    const failed = thread.run('fsGroup', group, LIMIT_MS);
    await expect(failed).rejects.toMatchObject({ code: 'ERR_SYSCALL', errno: 'ENOENT', status: 13 });
    await thread.run('copy', job('a', 'x'), LIMIT_MS);
    expect(existsSync(join(base, 'root/a'))).toBe(true);
  });

  it('leaves a thread behind that does not answer, and does the next job on another one', async () => {
    const thread = new FileThread();
    const late = thread.run('copy', job('late', 'x'), 0);
    await expect(late).rejects.toMatchObject({ code: 'ERR_DEADLINE', message: expect.stringContaining('copy') });
    await thread.run('copy', job('a', 'x'), LIMIT_MS);
    expect(existsSync(join(base, 'root/a'))).toBe(true);
  });
});
