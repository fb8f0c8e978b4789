import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inputsUnchanged, recordInputs } from '../../../../build/guest/freshness.ts';

describe('inputsUnchanged', () => {
  let root = '';
  const record = (): string => join(root, 'record.json');
  const agent = (): string => join(root, 'agent.cjs');
  const unchanged = (): Promise<boolean> => inputsUnchanged(record(), root, agent());

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'kata-fresh-'));
    for (const directory of ['rootfs', 'build/guest']) mkdirSync(join(root, directory), { recursive: true });
    writeFileSync(join(root, 'rootfs/init'), 'one');
    writeFileSync(agent(), 'agent');
    await recordInputs(record(), [agent()], root, agent());
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is true where nothing changed', async () => {
    expect(await unchanged()).toBe(true);
  });

  it.each([
    ['an input has another content', () => writeFileSync(agent(), 'agent 2')],
    ['an input is gone', () => rmSync(agent())],
    ['a source file was added', () => writeFileSync(join(root, 'build/guest/new.ts'), '')],
    ['a source file is gone', () => rmSync(join(root, 'rootfs/init'))],
    ['the record is cut', () => writeFileSync(record(), '{"format":1,')],
    ['the record is of another kind', () => writeFileSync(record(), '{"format":0}')],
    ['there is no record', () => rmSync(record())],
  ])('is false where %s', async (_what, change) => {
    change();
    expect(await unchanged()).toBe(false);
  });

  it('is false for another agent', async () => {
    expect(await inputsUnchanged(record(), root, join(root, 'rootfs/init'))).toBe(false);
  });
});
