import { describe, expect, it } from 'vitest';
import { setRealTime } from '../../../src/linux/clock.ts';
import { runInNamespaces } from './in-namespaces.ts';

describe('setRealTime', () => {
  it('refuses what is no time', () => {
    for (const [seconds, nanoseconds] of [
      [-1n, 0n],
      [0n, 1_000_000_000n],
      [2n ** 62n, 0n],
    ] as const) {
      expect(() => setRealTime(seconds, nanoseconds)).toThrow(expect.objectContaining({ errno: 'EINVAL' }));
    }
  });

  it('needs the right to', () => {
    // The present, should it be set all the same.
    const body = `try { setRealTime(BigInt(Date.now()) / 1000n, 0n); } catch (error) { console.log(error.errno); }`;
    const flags = ['-m', '--', 'setpriv', '--bounding-set=-sys_time'];
    expect(runInNamespaces(flags, { clock: 'setRealTime' }, body)).toBe('EPERM\n');
  });
});
