import { describe, expect, it } from 'vitest';
import { fulfilledWithin } from '../../../../src/agent/process/within.ts';

describe('fulfilledWithin', () => {
  it('tells whether the promise was in time', async () => {
    expect(await fulfilledWithin(Promise.resolve(1), 10_000)).toBe(true);
    expect(await fulfilledWithin(new Promise(() => {}), 5)).toBe(false);
  });

  it('passes a rejection on', async () => {
    await expect(fulfilledWithin(Promise.reject(new Error('x')), 10_000)).rejects.toThrow('x');
  });
});
