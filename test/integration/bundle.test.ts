import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleAll } from '../../build/bundle.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILES = ['kata-agent.cjs', 'kata-sandbox.mjs'];

describe('the bundles', () => {
  let directory = '';
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kata-bundle-'));
    await bundleAll();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('are not written again where nothing changed', async () => {
    const lines: string[] = [];
    await bundleAll((line) => lines.push(line));
    expect(lines).toEqual([]);
  });

  it.each(FILES)('%s does not tell where it was made', (file) => {
    expect(readFileSync(join(ROOT, 'dist', file), 'utf8')).not.toContain(ROOT);
  });

  it('the agent needs no other file', () => {
    const alone = join(directory, 'kata-agent.cjs');
    copyFileSync(join(ROOT, 'dist/kata-agent.cjs'), alone);
    const { stdout, stderr, status } = spawnSync(process.execPath, [alone, '--version'], { encoding: 'utf8' });
    expect(stdout, stderr).toMatch(/^kata-agent version \d/);
    expect(status).toBe(0);
  });
});
