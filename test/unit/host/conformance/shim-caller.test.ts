import { describe, expect, it } from 'vitest';
import { ShimCaller, shimDeadline } from '../../../../src/host/conformance/shim-caller.ts';
import { KataError } from '../../../../src/wire/error.ts';
import type { CallOptions } from '../../../../src/wire/ttrpc/client.ts';

const NOTHING = Buffer.alloc(0);

function callerOn(
  answer: (method: string, options: CallOptions) => Promise<Uint8Array>,
  signal = new AbortController().signal,
) {
  const call = (_service: string, method: string, _payload: Uint8Array, options: CallOptions = {}) =>
    answer(method, options);
  return new ShimCaller({ call }, signal);
}

describe('ShimCaller', () => {
  it('gives each call the deadline of the shim, unless it has one', async () => {
    const seen: [string, number | undefined][] = [];
    const caller = callerOn((method, { timeoutMs }) => {
      seen.push([method, timeoutMs]);
      return Promise.resolve(NOTHING);
    });
    for (const method of ['Check', 'CreateContainer', 'WaitProcess']) await caller.call('s', method, NOTHING);
    await caller.call('s', 'CreateContainer', NOTHING, { timeoutMs: 5 });
    expect(seen).toEqual([
      ['Check', 30_000],
      ['CreateContainer', 60_000],
      ['WaitProcess', undefined],
      ['CreateContainer', 5],
    ]);
    expect(shimDeadline('ReadStdout')).toBeUndefined();
  });

  it('knows which calls wait, and which one an error answered', async () => {
    const refusal = new KataError('ERR_NOT_FOUND', 'nobody');
    const silence = new KataError('ERR_CANCELLED', 'Wait was given up');
    const caller = callerOn((method) => Promise.reject(method === 'Wait' ? silence : refusal));
    await expect(caller.call('s', 'Exec', NOTHING)).rejects.toBe(refusal);
    await expect(caller.call('s', 'Wait', NOTHING)).rejects.toBe(silence);
    expect(caller.waiting).toEqual(['Wait']);
    expect(caller.methodOf(refusal)).toBe('Exec');
    expect(caller.methodOf(silence)).toBeUndefined();
  });

  it('hands its signal to all calls', async () => {
    const over = new AbortController();
    let given: AbortSignal | undefined;
    const caller = callerOn((_method, { signal }) => {
      given = signal;
      return Promise.resolve(NOTHING);
    }, over.signal);
    await caller.call('s', 'Check', NOTHING);
    expect(given).toBe(over.signal);
  });
});
