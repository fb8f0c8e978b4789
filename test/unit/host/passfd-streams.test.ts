import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { collector } from '../../../src/host/output.ts';
import { PASSFD_PORT, PassfdStreams } from '../../../src/host/passfd-streams.ts';
import { KataError } from '../../../src/wire/error.ts';
import { connection, DEAF, listeningVsock } from './fake-agent.ts';

const never = new AbortController().signal;

async function opened(terminal = false) {
  const { vsock, hosts, guestOf } = listeningVsock();
  const streams = await PassfdStreams.open(vsock, terminal);
  if (streams === undefined) throw new Error('the guest listens');
  return { streams, hosts, guestOf };
}

describe('PassfdStreams.open()', () => {
  it('connects once a stream, and names the ports of our ends', async () => {
    const { streams } = await opened();
    expect(streams.ports).toEqual({ stdin_port: 101, stdout_port: 102, stderr_port: 103 });
    streams.drop();
  });

  it('has no stderr for a terminal', async () => {
    const { streams, hosts } = await opened(true);
    expect(streams.ports).toEqual({ stdin_port: 101, stdout_port: 102, stderr_port: 0 });
    expect(hosts.size).toBe(2);
    await streams.readOutput('stderr', collector().sink, never);
    streams.drop();
  });

  it('gives nothing where nobody listens', async () => {
    expect(await PassfdStreams.open(DEAF, false)).toBeUndefined();
  });

  it('drops what it has where one connection fails', async () => {
    const { host } = connection(9);
    let count = 0;
    const connect = (port: number) => {
      expect(port).toBe(PASSFD_PORT);
      count += 1;
      return count === 2 ? Promise.reject(new KataError('ERR_DEADLINE', 'no answer')) : Promise.resolve(host);
    };
    await expect(PassfdStreams.open({ connect }, false)).rejects.toMatchObject({ code: 'ERR_DEADLINE' });
    expect(host.destroyed).toBe(true);
  });
});

describe('PassfdStreams', () => {
  it('carries an output to its end, waits for the sink, and closes the connection', async () => {
    const { streams, hosts, guestOf } = await opened();
    const { promise: taken, resolve: take } = Promise.withResolvers<void>();
    const chunks: string[] = [];
    const reading = streams.readOutput(
      'stdout',
      async (chunk) => {
        chunks.push(String(chunk));
        await taken;
      },
      never,
    );
    guestOf(102).write('a');
    await turn();
    await turn();
    guestOf(102).end('b');
    await turn();
    await turn();
    expect(chunks).toEqual(['a']);
    take();
    await reading;
    expect(chunks.join('')).toBe('ab');
    expect(hosts.get(102)?.destroyed).toBe(true);
    streams.drop();
  });

  it('tells of a connection that was cut', async () => {
    const { streams, hosts } = await opened();
    const reading = streams.readOutput('stderr', collector().sink, never);
    hosts.get(103)?.destroy(new KataError('ERR_UNAVAILABLE', 'reset', { errno: 'ECONNRESET' }));
    await expect(reading).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE', message: /stderr was cut: reset/ });
    streams.drop();
  });

  it.each(['signal', 'drop'] as const)('gives an output up by %s', async (how) => {
    const { streams, hosts } = await opened();
    const gone = new AbortController();
    const reading = streams.readOutput('stdout', collector().sink, gone.signal);
    if (how === 'signal') gone.abort(new KataError('ERR_CANCELLED', 'enough'));
    else streams.drop();
    await expect(reading).rejects.toMatchObject({ code: how === 'signal' ? 'ERR_CANCELLED' : 'ERR_UNAVAILABLE' });
    expect(hosts.get(102)?.destroyed).toBe(true);
    streams.drop();
  });

  it("gives the sink's error on as it is", async () => {
    const { streams, guestOf } = await opened();
    guestOf(102).write('a');
    const sink = () => Promise.reject(new KataError('ERR_CANCELLED', 'the reader went away'));
    await expect(streams.readOutput('stdout', sink, never)).rejects.toThrow('the reader went away');
    streams.drop();
  });

  it('ends the input by the end of its connection, once', async () => {
    const { streams, guestOf } = await opened();
    const guest = guestOf(101);
    guest.resume();
    const ended = once(guest, 'end');
    await streams.closeInput();
    await ended;
    await streams.closeInput();
    streams.drop();
    await streams.closeInput();
  });
});
