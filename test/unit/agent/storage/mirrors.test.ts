import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { FileThread } from '../../../../src/agent/storage/file-thread.ts';
import { Mirrors } from '../../../../src/agent/storage/mirrors.ts';

const logger = createLogger({ write: () => {} }, 'fatal');
const reaper = new Reaper(logger);
beforeAll(() => reaper.start());
afterAll(() => reaper.stop());

const OFTEN_MS = 5;

let base: string;
let source: string;
let target: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'mirrors-'));
  source = join(base, 'source');
  target = join(base, 'watchable/copy');
  mkdirSync(join(base, 'watchable'));
  writeFileSync(source, 'first');
});
afterEach(() => rmSync(base, { recursive: true }));

/** Waits for a text in the copy; only the test's own limit ends that. */
async function until(text: string): Promise<void> {
  while (readFileSync(target, 'utf8') !== text) await sleep(5);
}

describe('Mirrors', () => {
  it('follow their sources until they are removed', async () => {
    const mirrors = new Mirrors({ reaper, logger, files: new FileThread() }, OFTEN_MS);
    await mirrors.add(source, target);
    expect(readFileSync(target, 'utf8')).toBe('first');
    writeFileSync(source, 'second');
    await until('second');
    // One that cannot be read for a while is followed again later.
    rmSync(source);
    await sleep(10 * OFTEN_MS);
    expect(readFileSync(target, 'utf8')).toBe('second');
    writeFileSync(source, 'third');
    await until('third');
    await mirrors.remove(target);
    writeFileSync(source, 'fourth');
    await sleep(10 * OFTEN_MS);
    expect(existsSync(target)).toBe(false);
  });

  it('leave nothing where the first copy fails', async () => {
    const mirrors = new Mirrors({ reaper, logger, files: new FileThread() }, OFTEN_MS);
    await expect(mirrors.add(join(base, 'absent'), target)).rejects.toMatchObject({ errno: 'ENOENT' });
    expect(existsSync(target)).toBe(false);
  });
});
