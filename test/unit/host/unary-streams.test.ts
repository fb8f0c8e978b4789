import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { collector } from '../../../src/host/output.ts';
import { UnaryStreams } from '../../../src/host/unary-streams.ts';
import { KataError } from '../../../src/wire/error.ts';
import { type FakeAgentOptions, fakeAgent } from './fake-agent.ts';

const never = new AbortController().signal;
const KIB = 1024;

function streamsOf(options: FakeAgentOptions) {
  const agent = fakeAgent(options);
  return { agent, streams: new UnaryStreams(agent.client, { containerId: 'c1', execId: 'e1' }) };
}

/** Takes all that is written. */
const takesAll = { WriteStdin: ({ data }: Record<string, unknown>) => ({ len: (data as Uint8Array).length }) };

describe('UnaryStreams.readOutput()', () => {
  it.each([
    ['an answer without data', ''],
    ['an error', new KataError('ERR_INTERNAL', 'eof')],
  ])('reads up to %s', async (_, end) => {
    const { agent, streams } = streamsOf({ stdout: ['a', 'b', end] });
    const { sink, bytes } = collector();
    await streams.readOutput('stdout', sink, never);
    expect(bytes().toString()).toBe('ab');
    expect(agent.calls.map(([name]) => name)).toEqual(['ReadStdout', 'ReadStdout', 'ReadStdout']);
    expect(agent.calls[0]?.[1]).toEqual({ container_id: 'c1', exec_id: 'e1', len: 32 * KIB });
  });

  it('does not take a lost connection for an end', async () => {
    const { streams } = streamsOf({ stderr: ['a', new KataError('ERR_UNAVAILABLE', 'ttrpc: closed')] });
    const reading = streams.readOutput('stderr', collector().sink, never);
    await expect(reading).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  });

  it('asks for no more before the sink has taken what is there', async () => {
    const { agent, streams } = streamsOf({ stdout: ['a', 'b', ''] });
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const reading = streams.readOutput('stdout', () => taken, never);
    await turn();
    expect(agent.calls.length).toBe(1);
    take();
    await reading;
  });

  it.each(['signal', 'drop'] as const)('is given up by %s', async (how) => {
    const gone = new AbortController();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const { streams } = streamsOf({
      methods: {
        ReadStdout: (_, options) => {
          ask();
          return new Promise((__, reject) => {
            options?.signal?.addEventListener('abort', () => reject(new KataError('ERR_CANCELLED', 'given up')));
          });
        },
      },
    });
    const reading = streams.readOutput('stdout', collector().sink, gone.signal);
    await asked;
    if (how === 'signal') gone.abort();
    else streams.drop();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  });
});

describe('UnaryStreams.input()', () => {
  it('writes at most 32 KiB a call, in order, and closes at the end', async () => {
    const { agent, streams } = streamsOf({ methods: takesAll });
    const input = streams.input();
    const bytes = Buffer.alloc(70 * KIB, 'abc');
    input.end(bytes);
    await new Promise((resolve) => input.once('finish', resolve));
    const written = agent.named('WriteStdin').map(([, { data }]) => data as Uint8Array);
    expect(written.map(({ length }) => length)).toEqual([32 * KIB, 32 * KIB, 6 * KIB]);
    expect(Buffer.concat(written).equals(bytes)).toBe(true);
    expect(agent.calls.at(-1)).toEqual(['CloseStdin', { container_id: 'c1', exec_id: 'e1' }]);
  });

  it('waits for the answer to a write', async () => {
    const { promise: taken, resolve: take } = Promise.withResolvers<{ len: number }>();
    const { agent, streams } = streamsOf({ methods: { WriteStdin: () => taken } });
    const input = streams.input();
    input.write('a');
    input.end('b');
    await turn();
    expect(agent.calls.length).toBe(1);
    take({ len: 1 });
    await new Promise((resolve) => input.once('finish', resolve));
    expect(agent.named('WriteStdin').length).toBe(2);
  });

  it('fails where the agent has taken less', async () => {
    const { streams } = streamsOf({ methods: { WriteStdin: () => ({ len: 1 }) } });
    const input = streams.input();
    const { promise: failed, resolve } = Promise.withResolvers<Error>();
    input.once('error', resolve);
    input.write('ab');
    expect((await failed).message).toBe('WriteStdin took 1 of 2 bytes');
  });

  it('ends when the streams are dropped', async () => {
    const { streams } = streamsOf({});
    const input = streams.input();
    streams.drop();
    await new Promise((resolve) => input.once('close', resolve));
    expect(input.destroyed).toBe(true);
  });
});

describe('UnaryStreams.closeInput()', () => {
  it.each(['ERR_UNIMPLEMENTED', 'ERR_NOT_FOUND', 'ERR_INVALID_ARGUMENT', 'ERR_FAILED_PRECONDITION'] as const)(
    'takes %s for done',
    async (code) => {
      const methods = { CloseStdin: () => Promise.reject(new KataError(code, 'no')) };
      await streamsOf({ methods }).streams.closeInput();
    },
  );

  it('passes other errors on', async () => {
    const methods = { CloseStdin: () => Promise.reject(new KataError('ERR_UNAVAILABLE', 'ttrpc: closed')) };
    await expect(streamsOf({ methods }).streams.closeInput()).rejects.toThrow('ttrpc: closed');
  });
});
