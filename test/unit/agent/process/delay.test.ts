import { describe, expect, it } from 'vitest';
import { eventually } from '../../../../src/agent/process/delay.ts';

describe('eventually', () => {
  it('looks until it is so', async () => {
    let looks = 0;
    const look = (): boolean => {
      looks += 1;
      return looks === 4;
    };
    expect(await eventually(look, 10_000)).toBe(true);
    expect(looks).toBe(4);
  });

  it('gives up at its deadline, after a first look', async () => {
    let looks = 0;
    const look = (): boolean => {
      looks += 1;
      return false;
    };
    expect(await eventually(look, 0)).toBe(false);
    expect(looks).toBe(1);
  });

  it('passes an error on', async () => {
    const fail = (): boolean => {
      throw new Error('no');
    };
    await expect(eventually(fail, 10_000)).rejects.toThrow('no');
  });
});
