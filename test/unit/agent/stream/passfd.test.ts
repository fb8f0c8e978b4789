import { once } from 'node:events';
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { dropSockets, PassfdListener } from '../../../../src/agent/stream/passfd.ts';
import { duplicateFd } from '../../../../src/linux/fdpass.ts';
import { descriptorOf } from '../../../../src/linux/handle.ts';
import { O_CLOEXEC, pipe2 } from '../../../../src/linux/pipe.ts';
import { socketPair } from './socket-pair.ts';

const lines: string[] = [];
const logger = createLogger({ write: (line) => void lines.push(line) }, 'debug');
const sockets: Socket[] = [];
const listeners: PassfdListener[] = [];

function listener(): PassfdListener {
  const passfd = new PassfdListener(logger);
  listeners.push(passfd);
  return passfd;
}

/** A connection: the agent's end as accept(2) gives it, and the host's. */
async function connect(): Promise<{ readonly fd: number; readonly host: Socket }> {
  const { agent, host } = await socketPair();
  const fd = duplicateFd(descriptorOf(agent));
  agent.destroy();
  await once(agent, 'close');
  sockets.push(host);
  return { fd, host };
}

/** Whether the agent's end was closed, as the host sees it. */
async function wasClosed(host: Socket): Promise<boolean> {
  host.resume();
  for (let count = 0; count < 5; count += 1) await turn();
  return host.readableEnded;
}

afterEach(() => {
  vi.useRealTimers();
  lines.length = 0;
  for (const passfd of listeners.splice(0)) passfd.close();
  for (const socket of sockets.splice(0)) socket.destroy();
});

describe('PassfdListener', () => {
  it('gives a connection to whoever names its port, once, with every byte', async () => {
    const passfd = listener();
    const { fd, host } = await connect();
    host.end('early');
    passfd.add(7, fd);
    const socket = await passfd.take(7);
    if (socket === undefined) throw new Error('it is there');
    sockets.push(socket);
    passfd.close();
    expect((await socket.toArray()).join('')).toBe('early');
    expect(await passfd.take(7)).toBeUndefined();
  });

  it('has none for port 0', async () => {
    expect(await listener().take(0)).toBeUndefined();
  });

  it('waits for one that comes later', async () => {
    const passfd = listener();
    const taking = passfd.take(8);
    const { fd, host } = await connect();
    passfd.add(8, fd);
    const socket = await taking;
    socket?.end('hello');
    expect(String((await once(host, 'data'))[0])).toBe('hello');
    socket?.destroy();
  });

  it('goes on without one that does not come', async () => {
    const passfd = listener();
    vi.useFakeTimers();
    const taking = passfd.takeAll({ stdin_port: 0, stdout_port: 9, stderr_port: 0 });
    await vi.advanceTimersByTimeAsync(300);
    expect(await taking).toEqual({ stdin: undefined, stdout: undefined, stderr: undefined });
    expect(lines.join('')).toContain('no stream has come');
  });

  it('drops one that nobody claims in time', async () => {
    const { fd, host } = await connect();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const passfd = listener();
    passfd.add(10, fd);
    vi.advanceTimersByTime(59_999);
    expect(await wasClosed(host)).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await wasClosed(host)).toBe(true);
  });

  it('keeps a bounded number, and drops the oldest', async () => {
    const passfd = listener();
    const [oldest, next] = [await connect(), await connect()];
    const { read, write } = pipe2(O_CLOEXEC);
    passfd.add(1, oldest.fd);
    passfd.add(2, next.fd);
    // Nobody uses them: any descriptor will do.
    for (let port = 3; port <= 1024; port += 1) passfd.add(port, duplicateFd(read));
    expect(await wasClosed(oldest.host)).toBe(false);
    passfd.add(1025, duplicateFd(read));
    expect(await wasClosed(oldest.host)).toBe(true);
    expect(await wasClosed(next.host)).toBe(false);
    passfd.close();
    expect(await wasClosed(next.host)).toBe(true);
    closeSync(read);
    closeSync(write);
  });

  it('takes the later of two with the same port', async () => {
    const passfd = listener();
    const [first, second] = [await connect(), await connect()];
    passfd.add(3, first.fd);
    passfd.add(3, second.fd);
    expect(await wasClosed(first.host)).toBe(true);
    const socket = await passfd.take(3);
    socket?.destroy();
    expect(await wasClosed(second.host)).toBe(true);
  });
});

describe('dropSockets()', () => {
  it('closes what is there', async () => {
    const { agent, host } = await socketPair();
    sockets.push(host);
    dropSockets({ stdin: undefined, stdout: agent, stderr: undefined });
    expect(agent.destroyed).toBe(true);
  });
});
