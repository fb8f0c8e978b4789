import { describe, expect, it } from 'vitest';
import { checkSize, mergeEnv } from '../../../src/host/sandbox-options.ts';

describe('checkSize()', () => {
  it('has defaults', () => {
    expect(checkSize({})).toEqual({ cpus: 1, memoryMiB: 256, bootTimeoutMs: 90_000 });
  });

  it.each([
    [{ cpus: 0 }, 'cpus: 0'],
    [{ cpus: 1.5 }, 'cpus: 1.5'],
    [{ memoryMiB: 64 }, 'memory: 64'],
    [{ bootTimeoutMs: -1 }, 'boot timeout: -1'],
  ])('refuses %j', (options, text) => {
    expect(() => checkSize(options)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining(text) }),
    );
  });
});

describe('mergeEnv()', () => {
  it('lets the last value of a name win at its first place', () => {
    expect(mergeEnv(['A=1', 'B=2'], ['A=3', 'C='])).toEqual(['A=3', 'B=2', 'C=']);
  });

  it.each(['A', '', '=x'])('refuses %j', (entry) => {
    expect(() => mergeEnv([entry])).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  });
});
