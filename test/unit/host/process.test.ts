import { PassThrough, Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { collector } from '../../../src/host/output.ts';
import { GuestProcess } from '../../../src/host/process.ts';
import { openStreams } from '../../../src/host/stream-choice.ts';
import { KataError } from '../../../src/wire/error.ts';
import { fakeAgent, hostOf, listeningVsock } from './fake-agent.ts';

const identity = { containerId: 'c1', execId: 'e1' };
const ids = { container_id: 'c1', exec_id: 'e1' };

/** A process whose streams are connections, the guest's ends of which the test has. */
async function connected({ terminal = false } = {}) {
  const agent = fakeAgent();
  const { vsock, hosts, guestOf } = listeningVsock();
  const host = hostOf(agent, vsock);
  const streams = await openStreams({ calls: agent.client, vsock, identity, terminal }, 'passfd');
  const process = new GuestProcess(identity, terminal, streams, host);
  const [stdin, stdout] = [guestOf(101), guestOf(102)];
  return { agent, process, host, hosts, stdin, stdout, stderr: terminal ? stdout : guestOf(103) };
}

async function read(stream: Readable): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString();
}

describe('GuestProcess.carry()', () => {
  it('joins all three streams, and is done when both outputs have ended', async () => {
    const { process, host, stdin, stdout, stderr } = await connected();
    const [out, err] = [collector(), collector()];
    const carrying = process.carry({ stdin: Readable.from(['in']), stdout: out.sink, stderr: err.sink });
    expect(await read(stdin)).toBe('in');
    stdout.end('out');
    await turn();
    stderr.end('err');
    await carrying;
    expect([out.bytes().toString(), err.bytes().toString()]).toEqual(['out', 'err']);
    expect(host.timeline.at('first byte')).toBeDefined();
  });

  it('gives the end of the input at once where there is none', async () => {
    const { process, stdin, stdout, stderr } = await connected();
    const carrying = process.carry({ stdout: collector().sink, stderr: collector().sink });
    expect(await read(stdin)).toBe('');
    stdout.end();
    stderr.end();
    await carrying;
  });

  it('ends with its output though its input goes on, and leaves the source paused and open', async () => {
    const { process, stdout, stderr } = await connected();
    const source = new PassThrough();
    source.write('a');
    const carrying = process.carry({ stdin: source, stdout: collector().sink, stderr: collector().sink });
    await turn();
    stdout.end();
    stderr.end();
    await carrying;
    expect({ paused: source.isPaused(), destroyed: source.destroyed }).toEqual({ paused: true, destroyed: false });
  });

  it('takes the failure of its input for its end', async () => {
    const { process, stdin, stdout, stderr } = await connected();
    const source = new PassThrough();
    source.write('partial');
    const carrying = process.carry({ stdin: source, stdout: collector().sink, stderr: collector().sink });
    const got = read(stdin);
    await turn();
    source.destroy(new Error('the disk is broken'));
    expect(await got).toBe('partial');
    stdout.end();
    stderr.end();
    await carrying;
  });

  it('goes on where the process takes no more input', async () => {
    const { process, stdin, stdout, stderr } = await connected();
    const out = collector();
    const source = new PassThrough();
    const carrying = process.carry({ stdin: source, stdout: out.sink, stderr: collector().sink });
    stdin.destroy();
    await turn();
    source.write('nobody reads this');
    stdout.end('still here');
    stderr.end();
    await carrying;
    expect(out.bytes().toString()).toBe('still here');
  });

  it('passes on what a sink complains of, and lets go of the streams', async () => {
    const { process, hosts, stdout } = await connected();
    stdout.write('a');
    const failing = (): Promise<void> => Promise.reject(new KataError('ERR_CANCELLED', 'gone'));
    await expect(process.carry({ stdout: failing, stderr: collector().sink })).rejects.toThrow('gone');
    expect([...hosts.values()].map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
  });

  it('reads only one output of a terminal', async () => {
    const { process, stdout } = await connected({ terminal: true });
    const [out, err] = [collector(), collector()];
    stdout.end('all of it');
    await process.carry({ stdout: out.sink, stderr: err.sink });
    expect([out.bytes().toString(), err.bytes().length]).toEqual(['all of it', 0]);
  });
});

describe('GuestProcess', () => {
  it('asks for its end once, and tells everybody', async () => {
    const { agent, process } = await connected();
    expect(await Promise.all([process.wait(), process.wait()])).toEqual([7, 7]);
    expect(await process.wait()).toBe(7);
    expect(agent.calls).toEqual([['WaitProcess', ids]]);
    process.drop();
  });

  it('names itself in signals and sizes', async () => {
    const { agent, process } = await connected();
    await process.signal(15);
    await process.resize({ rows: 24, columns: 80 });
    expect(agent.calls).toEqual([
      ['SignalProcess', { ...ids, signal: 15 }],
      ['TtyWinResize', { ...ids, row: 24, column: 80 }],
    ]);
    process.drop();
  });
});
