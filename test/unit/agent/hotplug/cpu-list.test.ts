import { describe, expect, it } from 'vitest';
import { countCpus } from '../../../../src/agent/hotplug/cpu-list.ts';

describe('countCpus', () => {
  it.each([
    ['0\n', 1],
    ['0-1', 2],
    ['0-2,7,10-11', 6],
    ['', 0],
    ['\n', 0],
  ])('%j names %i', (list, count) => {
    expect(countCpus(list)).toBe(count);
  });
});
