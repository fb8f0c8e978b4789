import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { forEach, reporting } from '../../../src/cli/report.ts';
import { KataError } from '../../../src/wire/error.ts';

let said: string[] = [];
beforeEach(() => {
  said = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

describe('reporting()', () => {
  it('gives the status on, and tells of a failure', async () => {
    await reporting(() => Promise.resolve(7));
    expect([process.exitCode, said]).toEqual([7, []]);
    await reporting(() => Promise.reject(new KataError('ERR_INTERNAL', 'the file x was not found')));
    expect([process.exitCode, said]).toEqual([127, ['kata-sandbox: the file x was not found\n']]);
  });
});

describe('forEach()', () => {
  it('goes on after a failure, and keeps the first status', async () => {
    const done: string[] = [];
    const status = await forEach(['a', 'b', 'c'], (name) => {
      done.push(name);
      return name === 'b' ? Promise.reject(new Error('no')) : Promise.resolve();
    });
    expect([status, done, said]).toEqual([125, ['a', 'b', 'c'], ['kata-sandbox: no\n']]);
  });
});
