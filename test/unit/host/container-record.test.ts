import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  forgetContainer,
  readContainer,
  recordContainer,
  recordedContainers,
} from '../../../src/host/container-record.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'record-test-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const defaults = { env: ['A=é'], cwd: '/', user: { uid: 0, gid: 1, additionalGids: [2] } };

it('gives back what was recorded, by name, until it is forgotten', () => {
  const [one, two] = [
    { id: 'two', defaults, terminal: true },
    { id: 'one', defaults, terminal: false },
  ];
  writeFileSync(join(directory, 'owner.json'), '{}');
  recordContainer(directory, one);
  recordContainer(directory, two);
  expect(recordedContainers(directory)).toEqual(['one', 'two']);
  expect(readContainer(directory, 'two')).toEqual(one);
  forgetContainer(directory, 'two');
  forgetContainer(directory, 'two');
  expect(recordedContainers(directory)).toEqual(['one']);
  expect(() => readContainer(directory, 'two')).toThrow(expect.objectContaining({ code: 'ERR_NOT_FOUND' }));
});
