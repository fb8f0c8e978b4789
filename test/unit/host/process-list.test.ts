import { describe, expect, it } from 'vitest';
import { processesNaming } from '../../../src/host/process-list.ts';

describe('processesNaming()', () => {
  it('finds this process by what started it, with its name and memory', () => {
    const own = processesNaming(process.execPath).find(({ pid }) => pid === process.pid);
    expect(own?.residentKiB).toBeGreaterThan(1000);
    expect(own?.name.length).toBeGreaterThan(0);
  });

  it('finds nothing where there is nothing', () => {
    expect(processesNaming('no process has such an argument \u0001')).toEqual([]);
  });
});
