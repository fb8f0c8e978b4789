import { describe, expect, it } from 'vitest';
import { kernelParameters } from '../../../src/host/kernel-cmdline.ts';

describe('kernelParameters', () => {
  it('has the console and the certain end', () => {
    expect(kernelParameters()).toEqual(expect.arrayContaining(['console=ttyS0', 'panic=1']));
  });

  it('puts the caller behind, so that the last of two equal names is the caller', () => {
    expect(kernelParameters({ extra: ['panic=5'] }).at(-1)).toBe('panic=5');
  });

  it('has no word with a space, which the kernel would split', () => {
    expect(kernelParameters().filter((word) => /\s/.test(word))).toEqual([]);
  });
});
