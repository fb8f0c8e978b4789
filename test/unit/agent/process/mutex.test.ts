import { describe, expect, it } from 'vitest';
import { Mutex } from '../../../../src/agent/process/mutex.ts';

describe('Mutex', () => {
  it('runs one piece of work at a time, in order, also after one that fails', async () => {
    const mutex = new Mutex();
    const log: string[] = [];
    const work = (name: string) => async (): Promise<void> => {
      log.push(`${name} begins`);
      await new Promise(setImmediate);
      log.push(`${name} ends`);
      if (name === 'a') throw new Error('a failed');
    };
    const results = await Promise.allSettled([mutex.run(work('a')), mutex.run(work('b')), mutex.run(work('c'))]);
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });

  it('gives up a turn when asked, and only that one', async () => {
    const mutex = new Mutex();
    const gate = Promise.withResolvers<void>();
    const holder = mutex.run(() => gate.promise);
    const gone = new AbortController();
    const leaver = mutex.run(() => 'never', gone.signal);
    const patient = mutex.run(() => 'ran', new AbortController().signal);
    gone.abort();
    await expect(leaver).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    gate.resolve();
    await holder;
    expect(await patient).toBe('ran');
    expect(await mutex.run(() => 'free')).toBe('free');
  });

  it('does not begin for a signal that is aborted already', async () => {
    const mutex = new Mutex();
    await expect(mutex.run(() => 'never', AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    expect(await mutex.run(() => 'free')).toBe('free');
  });

  it('ignores an abort that comes when the work runs', async () => {
    const mutex = new Mutex();
    const late = new AbortController();
    const first = mutex.run(() => new Promise(setImmediate));
    const second = mutex.run(() => {
      late.abort();
      return 'done';
    }, late.signal);
    await first;
    expect(await second).toBe('done');
  });
});
