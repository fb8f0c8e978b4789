import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KataError } from '../../../../src/wire/error.ts';
import { ttrpc } from '../../../../src/wire/generated/proto.js';
import { encodeFrame, MAX_PAYLOAD_LENGTH } from '../../../../src/wire/ttrpc/frame.ts';
import {
  type CallHandler,
  DRAIN_TIMEOUT_MS,
  MAX_RUNNING_BYTES,
  MAX_RUNNING_CALLS,
  type ServerCall,
} from '../../../../src/wire/ttrpc/server-connection.ts';
import { cut, settle } from './pieces.ts';
import { RawPeer, requestFrame } from './raw-peer.ts';

const echo: CallHandler = (call) => Promise.resolve(call.payload);

/** A handler whose calls end when the test says so. */
function held(): { handler: CallHandler; calls: ServerCall[]; finish: (index: number, text: string) => void } {
  const calls: ServerCall[] = [];
  const finishers: ((payload: Uint8Array) => void)[] = [];
  return {
    calls,
    handler: (call) => {
      calls.push(call);
      return new Promise((resolve) => finishers.push(resolve));
    },
    finish: (index, text) => finishers[index]?.(Buffer.from(text)),
  };
}

describe('ServerConnection', () => {
  it('hands a call over as it was sent and answers with status 0', async () => {
    const seen: ServerCall[] = [];
    const peer = new RawPeer((call) => {
      seen.push(call);
      return Promise.resolve(Buffer.from('reply'));
    });
    const metadata = [{ key: 'traceparent', value: '00-1' }];
    const envelope = ttrpc.Request.encode({ service: 's', method: 'm', payload: Buffer.from('p'), metadata }).finish();
    await peer.send(encodeFrame({ streamId: 1, type: 1, flags: 0 }, envelope));
    expect(seen[0]).toMatchObject({ service: 's', method: 'm', payload: Buffer.from('p') });
    expect(seen[0]?.metadata).toEqual(new Map([['traceparent', '00-1']]));
    expect(peer.answers).toEqual([{ streamId: 1, code: 0, message: '', payload: 'reply' }]);
  });

  it('answers in the order in which the calls end', async () => {
    const { handler, finish } = held();
    const peer = new RawPeer(handler);
    for (const id of [1, 3, 5]) await peer.request(id);
    for (const index of [2, 0, 1]) {
      finish(index, `call ${index}`);
      await settle();
    }
    expect(peer.answers.map(({ streamId, payload }) => `${streamId} ${payload}`)).toEqual([
      '5 call 2',
      '1 call 0',
      '3 call 1',
    ]);
  });

  it.each([
    ['a KataError', () => Promise.reject(new KataError('ERR_NOT_FOUND', 'gone')), '5 gone'],
    ['an Error', () => Promise.reject(new Error('boom')), '13 boom'],
    ['a value', () => Promise.reject(7), '13 7'],
    [
      'a throw before the promise',
      () => {
        throw new Error('at once');
      },
      '13 at once',
    ],
  ] as [string, CallHandler, string][])('answers with the status of %s', async (_what, handler, expected) => {
    const peer = new RawPeer(handler);
    await peer.request(1);
    expect(peer.answersOf(1)).toEqual([expected]);
  });

  it.each([
    ['an even stream id', requestFrame(2), 2, '3 stream id must be odd'],
    ['stream id 0', requestFrame(0), 0, '3 stream id must be odd'],
    ['a data frame', requestFrame(1, { type: 3 }), 1, '12 streaming calls are not supported'],
    ['a streaming request', requestFrame(1, { flags: 2 }), 1, '12 streaming calls are not supported'],
    ['an unknown type', requestFrame(1, { type: 77 }), 1, '3 unknown message type 77'],
    ['unknown flags', requestFrame(1, { flags: 0x0c }), 1, '3 unknown flags 0x0c on a request'],
  ])('refuses %s on its stream and goes on', async (_what, frame, streamId, expected) => {
    const peer = new RawPeer(echo);
    await peer.send(frame);
    expect(peer.answersOf(streamId)).toEqual([expected]);
    await peer.request(9, { payload: Buffer.from('still here') });
    expect(peer.answers.at(-1)).toMatchObject({ streamId: 9, code: 0, payload: 'still here' });
  });

  it('refuses an envelope that cannot be decoded and goes on', async () => {
    const peer = new RawPeer(echo);
    await peer.send(encodeFrame({ streamId: 1, type: 1, flags: 0 }, Buffer.from('0aff', 'hex')));
    expect(peer.answersOf(1)[0]).toMatch(/^3 cannot decode the request envelope: ./);
    await peer.request(3);
    expect(peer.answersOf(3)).toEqual(['0']);
  });

  it('takes a request that says it is the last of its stream', async () => {
    const peer = new RawPeer(echo);
    await peer.request(1, { flags: 1 });
    expect(peer.answersOf(1)).toEqual(['0']);
  });

  it('refuses a request that is too long with status 3 and goes on', async () => {
    const peer = new RawPeer(echo);
    await peer.send(encodeFrame({ streamId: 1, type: 1, flags: 0 }, Buffer.alloc(MAX_PAYLOAD_LENGTH + 1)));
    expect(peer.answersOf(1)).toEqual(['3 request of 4194305 bytes is longer than the maximum of 4194304 bytes']);
    await peer.request(3);
    expect(peer.answersOf(3)).toEqual(['0']);
  });

  it('replaces a response that is too long by status 8', async () => {
    const peer = new RawPeer(() => Promise.resolve(Buffer.alloc(MAX_PAYLOAD_LENGTH)));
    await peer.request(1);
    expect(peer.answersOf(1)[0]).toMatch(/^8 response of \d+ bytes is longer than the maximum of 4194304 bytes$/);
  });

  it('never answers a response, nor data for a call that runs', async () => {
    const { handler, finish } = held();
    const peer = new RawPeer(handler);
    await peer.request(1, { type: 2 });
    await peer.request(3);
    await peer.request(3, { type: 3 });
    expect(peer.answers).toEqual([]);
    finish(0, 'once');
    await settle();
    expect(peer.answers).toMatchObject([{ streamId: 3, payload: 'once' }]);
  });

  it('refuses a stream id that is in use, and takes smaller and used ones', async () => {
    const { handler, calls, finish } = held();
    const peer = new RawPeer(handler);
    await peer.request(5);
    await peer.request(5);
    expect(peer.answersOf(5)).toEqual(['3 stream id 5 is in use']);
    await peer.request(3);
    expect(calls).toHaveLength(2);
    finish(0, 'first');
    await settle();
    await peer.request(5);
    expect(calls).toHaveLength(3);
  });

  it('refuses calls beyond the cap with status 8, and takes them again when others have ended', async () => {
    const { handler, calls, finish } = held();
    const peer = new RawPeer(handler);
    const frames = Array.from({ length: MAX_RUNNING_CALLS + 1 }, (_, index) => requestFrame(2 * index + 1));
    await peer.send(...frames);
    expect(calls).toHaveLength(MAX_RUNNING_CALLS);
    expect(peer.answersOf(2 * MAX_RUNNING_CALLS + 1)).toEqual([
      `8 ${MAX_RUNNING_CALLS} calls are running on this connection`,
    ]);
    finish(0, 'done');
    await settle();
    await peer.request(2 * MAX_RUNNING_CALLS + 3);
    expect(calls).toHaveLength(MAX_RUNNING_CALLS + 1);
  });

  it('refuses payloads beyond the cap with status 8', async () => {
    const { handler, calls } = held();
    const peer = new RawPeer(handler);
    const payload = Buffer.alloc(MAX_PAYLOAD_LENGTH - 1024);
    const fitting = Math.floor(MAX_RUNNING_BYTES / payload.length);
    for (let index = 0; index <= fitting; index += 1) await peer.request(2 * index + 1, { payload });
    expect(calls).toHaveLength(fitting);
    expect(peer.answers).toMatchObject([{ streamId: 2 * fitting + 1, code: 8 }]);
  });

  it('closes on garbage', async () => {
    const peer = new RawPeer(echo);
    await peer.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await peer.connection.closed;
    expect(peer.answers).toEqual([]);
  });

  it('aborts calls of a connection that is lost, with ERR_CANCELLED, and drops their answers', async () => {
    const { handler, calls, finish } = held();
    const peer = new RawPeer(handler);
    await peer.request(1);
    await peer.break();
    expect(calls[0]?.signal.reason).toMatchObject({ code: 'ERR_CANCELLED' });
    finish(0, 'too late');
    await settle();
    expect(peer.answers).toEqual([]);
  });

  it('still answers a peer that has ended its side, then closes', async () => {
    const { handler, calls, finish } = held();
    const peer = new RawPeer(handler);
    await peer.request(1);
    peer.stream.end();
    await settle();
    expect(calls[0]?.signal.aborted).toBe(true);
    finish(0, 'after the end');
    await peer.connection.closed;
    await settle();
    expect(peer.answers).toMatchObject([{ streamId: 1, code: 0, payload: 'after the end' }]);
  });

  it('refuses new calls while it drains, and closes when the last call has answered', async () => {
    const { handler, finish } = held();
    const peer = new RawPeer(handler);
    await peer.request(1);
    peer.connection.drain('shutting down');
    await peer.request(3);
    expect(peer.answersOf(3)).toEqual(['14 the server is closing']);
    finish(0, 'bye');
    await peer.connection.closed;
    await settle();
    expect(peer.answersOf(1)).toEqual(['0']);
  });

  it('answers each of many calls exactly once, however requests are cut and answers are ordered', async () => {
    const orders = fc.integer({ min: 1, max: 30 }).chain((count) =>
      fc.record({
        order: fc.shuffledSubarray(
          Array.from({ length: count }, (_, index) => index),
          { minLength: count },
        ),
        sizes: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(orders, async ({ order, sizes }) => {
        const { handler, finish } = held();
        const peer = new RawPeer(handler);
        const bytes = Buffer.concat(order.map((_, index) => requestFrame(2 * index + 1)));
        for (const piece of cut(bytes, sizes)) peer.stream.write(piece);
        await settle();
        for (const index of order) finish(index, `${index}`);
        await settle();
        expect(peer.answers.map(({ payload }) => Number(payload))).toEqual(order);
        expect(peer.answers.every(({ streamId, payload }) => streamId === 2 * Number(payload) + 1)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('survives random frames and random bytes', async () => {
    const frames = fc
      .record({
        streamId: fc.integer({ min: 0, max: 9 }),
        type: fc.integer({ min: 0, max: 5 }),
        flags: fc.integer({ min: 0, max: 8 }),
        payload: fc.uint8Array({ maxLength: 60 }),
      })
      .map(({ payload, ...header }) => encodeFrame(header, payload));
    const noise = fc.array(fc.oneof(frames, fc.uint8Array({ maxLength: 60 })), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(noise, async (chunks) => {
        const peer = new RawPeer(echo);
        await peer.send(...chunks);
        await peer.break();
      }),
      { numRuns: 200 },
    );
  });
});

describe('deadlines of a ServerConnection', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('answers with status 4, aborts the call, and drops its late answer', async () => {
    const { handler, calls, finish } = held();
    const peer = new RawPeer(handler);
    await peer.request(1, { timeoutMs: 1000 });
    vi.advanceTimersByTime(999);
    await settle();
    expect(calls[0]?.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    await settle();
    expect(peer.answersOf(1)).toEqual(['4 timeout']);
    expect(calls[0]?.signal.reason).toMatchObject({ code: 'ERR_DEADLINE' });
    finish(0, 'late');
    await settle();
    expect(peer.answers).toHaveLength(1);
  });

  it('does not start a call whose deadline has passed', async () => {
    const { handler, calls } = held();
    const peer = new RawPeer(handler);
    // encodeRequest would round it up, so the envelope is made by hand: field 4 (int64) with -1.
    const envelope = Buffer.concat([Buffer.from('20', 'hex'), Buffer.alloc(9, 0xff), Buffer.from('01', 'hex')]);
    await peer.send(encodeFrame({ streamId: 1, type: 1, flags: 0 }, envelope));
    expect(peer.answersOf(1)).toEqual(['4 timeout']);
    expect(calls).toEqual([]);
  });

  it('lets a call without a deadline, or with one of years, run', async () => {
    const { handler } = held();
    const peer = new RawPeer(handler);
    await peer.request(1);
    await peer.request(3, { timeoutMs: 2 ** 31 });
    expect(vi.getTimerCount()).toBe(0);
    expect(peer.answers).toEqual([]);
  });

  it('leaves no timer behind after an answer or a lost connection', async () => {
    const { handler, finish } = held();
    const peer = new RawPeer(handler);
    await peer.request(1, { timeoutMs: 1000 });
    await peer.request(3, { timeoutMs: 1000 });
    expect(vi.getTimerCount()).toBe(2);
    finish(0, 'done');
    await settle();
    expect(vi.getTimerCount()).toBe(1);
    await peer.break();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('closes after a while though a call never ends', async () => {
    const { handler } = held();
    const peer = new RawPeer(handler);
    await peer.request(1);
    peer.connection.drain('shutting down');
    vi.advanceTimersByTime(DRAIN_TIMEOUT_MS);
    await peer.connection.closed;
    expect(vi.getTimerCount()).toBe(0);
  });
});
