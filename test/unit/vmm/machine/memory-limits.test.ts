import { describe, expect, it } from 'vitest';
import { hotplugLimit } from '../../../../src/vmm/machine/memory-limits.ts';

const GIB = 2 ** 30;
const memory = (hotplugSize: number) => ({ size: 256 * 2 ** 20, hotplugSize, hugePages: false, prefault: false });

describe('hotplugLimit()', () => {
  it.each([
    ['as much as is asked for', 2 * GIB, 8 * GIB, 2 * GIB],
    ['no more than the host has beside the machine', 25276026880, 25276026880, 25276026880 - 256 * 2 ** 20],
    ['nothing where nothing is asked for', 0, 8 * GIB, 0],
    ['nothing where the host has less than the machine', GIB, 128 * 2 ** 20, 0],
    ['no more than can be addressed', 4096 * GIB, 8192 * GIB, 512 * GIB],
  ])('is %s, in whole blocks', (_, asked, host, most) => {
    const limit = hotplugLimit(memory(asked), host);
    expect(limit % (128 * 2 ** 20)).toBe(0);
    expect(most - limit).toBeGreaterThanOrEqual(0);
    expect(most - limit).toBeLessThan(128 * 2 ** 20);
  });
});
