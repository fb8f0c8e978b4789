import { type Duplex, duplexPair } from 'node:stream';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { KataError } from '../../../../src/wire/error.ts';
import { ttrpc } from '../../../../src/wire/generated/proto.js';
import { TtrpcClient } from '../../../../src/wire/ttrpc/client.ts';
import { encodeFailure, encodeSuccess } from '../../../../src/wire/ttrpc/envelope.ts';
import { encodeFrame, FrameDecoder, MAX_PAYLOAD_LENGTH } from '../../../../src/wire/ttrpc/frame.ts';
import { settle } from './pieces.ts';

interface RawServer {
  readonly client: TtrpcClient;
  readonly stream: Duplex;
  readonly requests: { streamId: number; flags: number; request: ttrpc.Request }[];
  readonly answer: (streamId: number, payload: Uint8Array, type?: number) => void;
}

/** A client, and the server's end of its connection in the test's hands. */
function open(): RawServer {
  const [left, stream] = duplexPair();
  const requests: RawServer['requests'] = [];
  const decoder = new FrameDecoder();
  stream.on('data', (chunk: Uint8Array) => {
    for (const event of decoder.push(chunk)) {
      if (event.kind !== 'frame') throw new Error(`the client sent a frame that is ${event.kind}`);
      const { streamId, flags } = event.header;
      requests.push({ streamId, flags, request: ttrpc.Request.decode(event.payload) });
    }
  });
  const answer = (streamId: number, payload: Uint8Array, type = 2): void => {
    stream.write(encodeFrame({ streamId, type, flags: 0 }, payload));
  };
  return { client: new TtrpcClient(left), stream, requests, answer };
}

const EMPTY = Buffer.alloc(0);

afterEach(() => {
  vi.useRealTimers();
});

describe('TtrpcClient', () => {
  it('sends names, payload, metadata and deadline, with odd ids and no flags', async () => {
    const { client, requests, answer } = open();
    const metadata = new Map([['traceparent', '00-1']]);
    const first = client.call('svc', 'One', Buffer.from('payload'), { timeoutMs: 1500, metadata });
    const second = client.call('svc', 'Two', EMPTY);
    await settle();
    expect(requests.map(({ streamId, flags }) => [streamId, flags])).toEqual([
      [1, 0],
      [3, 0],
    ]);
    expect(requests[0]?.request).toMatchObject({
      service: 'svc',
      method: 'One',
      metadata: [{ key: 'traceparent', value: '00-1' }],
    });
    expect(requests[0]?.request.timeout_nano.toString()).toBe('1500000000');
    expect(requests[1]?.request.timeout_nano.toString()).toBe('0');
    answer(3, encodeSuccess(Buffer.from('two')));
    answer(1, encodeSuccess(Buffer.from('one')));
    expect(Buffer.from(await first).toString()).toBe('one');
    expect(Buffer.from(await second).toString()).toBe('two');
  });

  it('throws the status and the text that the server sent', async () => {
    const { client, answer } = open();
    const call = client.call('s', 'm', EMPTY);
    answer(1, encodeFailure(new KataError('ERR_NOT_FOUND', 'no such container')));
    await expect(call).rejects.toMatchObject({ code: 'ERR_NOT_FOUND', status: 5, message: 'no such container' });
  });

  it('refuses a request that is too long before anything is sent', async () => {
    const { client, requests } = open();
    await expect(client.call('s', 'm', Buffer.alloc(MAX_PAYLOAD_LENGTH))).rejects.toMatchObject({
      code: 'ERR_RESOURCE_EXHAUSTED',
    });
    await settle();
    expect(requests).toEqual([]);
  });

  it('fails the one call whose response is too long, cannot be decoded, or is no response', async () => {
    const { client, answer } = open();
    const calls = [1, 2, 3, 4].map(() => client.call('s', 'm', EMPTY));
    answer(1, Buffer.alloc(MAX_PAYLOAD_LENGTH + 1));
    answer(3, Buffer.from('ff', 'hex'));
    answer(5, EMPTY, 3);
    answer(7, encodeSuccess(EMPTY));
    const codes = (await Promise.allSettled(calls)).map((outcome) =>
      outcome.status === 'fulfilled' ? 'fine' : outcome.reason.code,
    );
    expect(codes).toEqual(['ERR_RESOURCE_EXHAUSTED', 'ERR_DECODE', 'ERR_PROTOCOL', 'fine']);
  });

  it('fails calls with ERR_DEADLINE when time is up, and ignores the late answer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { client, answer } = open();
    const late = client.call('s', 'Late', EMPTY, { timeoutMs: 100 });
    const outcome = expect(late).rejects.toMatchObject({
      code: 'ERR_DEADLINE',
      message: 'Late had no answer within 100 ms',
    });
    vi.advanceTimersByTime(100);
    await outcome;
    answer(1, encodeSuccess(EMPTY));
    const next = client.call('s', 'm', EMPTY);
    answer(3, encodeSuccess(Buffer.from('fine')));
    expect(Buffer.from(await next).toString()).toBe('fine');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('lets a call without a deadline wait without a timer', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { client, answer } = open();
    const wait = client.call('s', 'WaitProcess', EMPTY);
    expect(vi.getTimerCount()).toBe(0);
    answer(1, encodeSuccess(EMPTY));
    await wait;
  });

  it('gives a call up by its signal', async () => {
    const { client } = open();
    const abort = new AbortController();
    const call = client.call('s', 'm', EMPTY, { signal: abort.signal });
    abort.abort(new Error('no longer wanted'));
    await expect(call).rejects.toMatchObject({ code: 'ERR_CANCELLED', cause: { message: 'no longer wanted' } });
    await expect(client.call('s', 'm', EMPTY, { signal: abort.signal })).rejects.toMatchObject({
      code: 'ERR_CANCELLED',
    });
  });

  it.each([
    ['the server ends it', ({ stream }: RawServer) => stream.end()],
    ['the server breaks it', ({ stream }: RawServer) => stream.destroy()],
    ['it is closed here', ({ client }: RawServer) => client.close()],
    ['garbage comes', ({ stream }: RawServer) => stream.write('HTTP/1.1 400 Bad Request\r\n')],
  ])('fails all calls with `ttrpc: closed` when %s', async (_how, end) => {
    const server = open();
    const calls = [server.client.call('s', 'm', EMPTY), server.client.call('s', 'm', EMPTY)];
    const outcomes = Promise.allSettled(calls);
    await settle();
    end(server);
    const closed = { code: 'ERR_UNAVAILABLE', message: 'ttrpc: closed' };
    expect(await outcomes).toMatchObject([{ reason: closed }, { reason: closed }]);
    await expect(server.client.call('s', 'm', EMPTY)).rejects.toMatchObject(closed);
    await server.client.closed;
  });

  it('survives random answers', async () => {
    const frames = fc
      .record({
        streamId: fc.integer({ min: 0, max: 5 }),
        type: fc.integer({ min: 0, max: 4 }),
        flags: fc.integer({ min: 0, max: 8 }),
        payload: fc.uint8Array({ maxLength: 40 }),
      })
      .map(({ payload, ...header }) => encodeFrame(header, payload));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(frames, fc.uint8Array({ maxLength: 40 })), { maxLength: 6 }),
        async (chunks) => {
          const { client, stream } = open();
          const calls = Promise.allSettled([client.call('s', 'm', EMPTY), client.call('s', 'm', EMPTY)]);
          stream.write(Buffer.concat(chunks));
          await settle();
          client.close();
          for (const outcome of await calls) {
            if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(KataError);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
