import { describe, expect, it } from 'vitest';
import { Container } from '../../../src/host/container.ts';
import { collector } from '../../../src/host/output.ts';
import { Timeline } from '../../../src/host/timeline.ts';
import { KataError } from '../../../src/wire/error.ts';
import type { AgentClient } from '../../../src/wire/ttrpc/agent-client.ts';

type Answer = string | KataError;

/** An agent whose streams give the answers, one a read; the calls that it got are noted. */
function fakeAgent(answers: { readonly stdout?: readonly Answer[]; readonly stderr?: readonly Answer[] }) {
  const calls: [string, object][] = [];
  const streams = new Map([
    ['ReadStdout', [...(answers.stdout ?? [''])]],
    ['ReadStderr', [...(answers.stderr ?? [''])]],
  ]);
  const agent = new Proxy(
    {},
    {
      get: (_, name: string) => (request: object) => {
        calls.push([name, request]);
        const stream = streams.get(name);
        if (stream === undefined) return Promise.resolve({ status: 7 });
        const answer = stream.shift() ?? new KataError('ERR_INTERNAL', 'eof');
        return answer instanceof KataError ? Promise.reject(answer) : Promise.resolve({ data: Buffer.from(answer) });
      },
    },
  );
  // Reason for the cast: only the methods that a container calls are there.
  return { calls, client: { agent } as unknown as AgentClient };
}

function containerOf(agent: ReturnType<typeof fakeAgent>) {
  const released: string[] = [];
  const timeline = new Timeline();
  const container = new Container('c1', {
    calls: agent.client,
    timeline,
    releaseShare: () => {
      released.push('c1');
      return Promise.resolve();
    },
  });
  return { container, released, timeline };
}

describe('Container.carryOutput()', () => {
  it('reads both streams to their ends, whichever way an end is told', async () => {
    const eof = new KataError('ERR_INTERNAL', 'eof');
    const agent = fakeAgent({ stdout: ['a', 'b', ''], stderr: ['e', eof] });
    const { container, timeline } = containerOf(agent);
    const [stdout, stderr] = [collector(), collector()];
    await container.carryOutput({ stdout: stdout.sink, stderr: stderr.sink });
    expect([stdout.bytes().toString(), stderr.bytes().toString()]).toEqual(['ab', 'e']);
    expect(agent.calls.filter(([name]) => name === 'ReadStdout').length).toBe(3);
    expect(agent.calls[0]?.[1]).toEqual({ container_id: 'c1', exec_id: 'c1', len: 32768 });
    expect(timeline.at('first byte')).toBeDefined();
  });

  it('does not take a lost connection for an end', async () => {
    const { container } = containerOf(fakeAgent({ stdout: ['a', new KataError('ERR_UNAVAILABLE', 'ttrpc: closed')] }));
    const output = { stdout: collector().sink, stderr: collector().sink };
    await expect(container.carryOutput(output)).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  });

  it('asks for no more before the sink has taken what is there', async () => {
    const agent = fakeAgent({ stdout: ['a', 'b', ''] });
    const { container } = containerOf(agent);
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const carrying = container.carryOutput({ stdout: () => taken, stderr: collector().sink });
    await new Promise(setImmediate);
    expect(agent.calls.filter(([name]) => name === 'ReadStdout').length).toBe(1);
    take();
    await carrying;
  });

  it('passes on what a sink complains of', async () => {
    const { container } = containerOf(fakeAgent({ stdout: ['a', ''] }));
    const failing = (): Promise<void> => Promise.reject(new KataError('ERR_CANCELLED', 'gone'));
    await expect(container.carryOutput({ stdout: failing, stderr: failing })).rejects.toThrow('gone');
  });
});

describe('Container.remove()', () => {
  it('kills all of the container, removes it, and gives its mounts back', async () => {
    const agent = fakeAgent({});
    const { container, released } = containerOf(agent);
    await container.remove();
    expect(agent.calls).toEqual([
      ['SignalProcess', { container_id: 'c1', exec_id: '', signal: 9 }],
      ['RemoveContainer', { container_id: 'c1' }],
    ]);
    expect(released).toEqual(['c1']);
  });
});
