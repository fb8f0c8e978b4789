import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { unlessAborted } from '../../../src/host/abort.ts';
import { KataError } from '../../../src/wire/error.ts';

const never = new Promise<never>(() => {});
const reason = new KataError('ERR_CANCELLED', 'stopped');

describe('unlessAborted()', () => {
  it('gives what the work gives, and lets go of the signal', async () => {
    const { signal } = new AbortController();
    expect(await unlessAborted(Promise.resolve(1), signal)).toBe(1);
    await expect(unlessAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(await unlessAborted(Promise.resolve(2), undefined)).toBe(2);
  });

  it('rejects with the reason, given before or during the work', async () => {
    await expect(unlessAborted(never, AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const work = unlessAborted(never, controller.signal);
    controller.abort(reason);
    await expect(work).rejects.toBe(reason);
  });
});
