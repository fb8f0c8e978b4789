import { describe, expect, it } from 'vitest';
import { waitForDevice } from '../../../../src/agent/device/wait.ts';

const NEVER_MS = 1_000_000;
const quiet = { subscribe: () => () => true };

describe('waitForDevice', () => {
  it('looks before it waits, and after it has subscribed', async () => {
    const order: string[] = [];
    const uevents = {
      subscribe: () => {
        order.push('subscribed');
        return () => order.push('ended') > 0;
      },
    };
    const look = (): string => {
      order.push('looked');
      return 'found';
    };
    expect(await waitForDevice(uevents, NEVER_MS, 'x', look)).toBe('found');
    expect(order).toEqual(['subscribed', 'looked', 'ended']);
  });

  it('looks again without an event', async () => {
    let looks = 0;
    const look = (): number | undefined => {
      looks += 1;
      return looks === 3 ? looks : undefined;
    };
    expect(await waitForDevice(quiet, NEVER_MS, 'x', look)).toBe(3);
  });

  it('passes on what goes wrong at a look', async () => {
    const look = (): never => {
      throw new Error('no sysfs');
    };
    await expect(waitForDevice(quiet, NEVER_MS, 'x', look)).rejects.toThrow('no sysfs');
  });

  it('names what did not come, and how long it was waited for', async () => {
    await expect(waitForDevice(quiet, 30, 'of y', () => undefined)).rejects.toMatchObject({
      code: 'ERR_DEADLINE',
      status: 13,
      message: 'Timeout after 0.03s waiting for uevent of y',
    });
  });
});
