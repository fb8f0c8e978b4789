import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package-root.ts';

describe('packageRoot', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-root-'));
    mkdirSync(join(directory, 'dist/inner'), { recursive: true });
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('passes the packages of others on the way up', () => {
    writeFileSync(join(directory, 'package.json'), '{"name":"kata-agent-ts"}');
    writeFileSync(join(directory, 'dist/package.json'), '{"name":"another"}');
    writeFileSync(join(directory, 'dist/inner/package.json'), 'not JSON');
    expect(packageRoot(join(directory, 'dist/inner'))).toBe(directory);
  });

  it('says so where there is none', () => {
    expect(() => packageRoot(join(directory, 'dist'))).toThrow('there is no package kata-agent-ts at or above');
  });
});
