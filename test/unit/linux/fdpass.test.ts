import { once } from 'node:events';
import { closeSync, fstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventfd, drainEventfd, signalEventfd } from '../../../src/linux/eventfd.ts';
import { duplicateFd, receiveWithFds, sendWithFds } from '../../../src/linux/fdpass.ts';
import { watchReadable } from '../../../src/linux/readiness.ts';

function descriptorOf(socket: Socket): number {
  // Reason for the cast: `_handle` is a property of every net.Socket that the public types leave out.
  return duplicateFd((socket as unknown as { _handle: { fd: number } })._handle.fd);
}

describe('a Unix socket', () => {
  let directory = '';
  let one = -1;
  let two = -1;
  const close = (fd: number): number => {
    if (fd >= 0) closeSync(fd);
    return -1;
  };
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'fdpass-test-'));
    const server = createServer({ pauseOnConnect: true });
    server.listen(join(directory, 's'));
    await once(server, 'listening');
    const client = createConnection(join(directory, 's'));
    const [accepted]: Socket[] = await once(server, 'connection');
    if (accepted === undefined) throw new Error('no connection');
    if (client.connecting) await once(client, 'connect');
    one = descriptorOf(client);
    two = descriptorOf(accepted);
    client.destroy();
    accepted.destroy();
    server.close();
  });
  afterEach(() => {
    one = close(one);
    two = close(two);
    rmSync(directory, { recursive: true });
  });

  it('carries descriptors with the bytes', () => {
    const event = createEventfd();
    expect(sendWithFds(one, Buffer.from('two of them'), [event, event])).toBe(11);
    const into = Buffer.alloc(100);
    const received = receiveWithFds(two, into);
    if (received.kind !== 'data') throw new Error(received.kind);
    expect(into.toString('latin1', 0, received.bytes)).toBe('two of them');
    expect(received.fds).toHaveLength(2);
    for (const fd of received.fds) {
      signalEventfd(fd);
      expect(drainEventfd(event)).toBe(true);
      closeSync(fd);
    }
    expect(drainEventfd(event)).toBe(false);
    closeSync(event);
  });

  it('is empty, or at its end', () => {
    expect(receiveWithFds(two, Buffer.alloc(1))).toEqual({ kind: 'empty' });
    sendWithFds(one, Buffer.from('x'));
    expect(receiveWithFds(two, Buffer.alloc(9))).toEqual({ kind: 'data', bytes: 1, fds: [] });
    one = close(one);
    expect(receiveWithFds(two, Buffer.alloc(1))).toEqual({ kind: 'end' });
    expect(() => sendWithFds(two, Buffer.from('x'))).toThrow(expect.objectContaining({ errno: 'EPIPE' }));
  });

  it('takes no more descriptors in a message than there is room for', () => {
    expect(() =>
      sendWithFds(
        one,
        Buffer.from('x'),
        Array.from({ length: 17 }, () => 0),
      ),
    ).toThrow('17 descriptors');
  });

  it('is reported as readable without being read, its end included', async () => {
    let isReadable = Promise.withResolvers<void>();
    const watch = watchReadable(duplicateFd(two), () => isReadable.resolve());
    sendWithFds(one, Buffer.from('abc'));
    await isReadable.promise;
    const into = Buffer.alloc(9);
    expect(receiveWithFds(two, into)).toEqual({ kind: 'data', bytes: 3, fds: [] });
    isReadable = Promise.withResolvers();
    one = close(one);
    await isReadable.promise;
    expect(receiveWithFds(two, into)).toEqual({ kind: 'end' });
    watch.close();
  });
});

describe('watchReadable()', () => {
  it('closes its descriptor, once', async () => {
    const before = readdirSync('/proc/self/fd').length;
    const watch = watchReadable(createEventfd(), () => {});
    watch.close();
    watch.close();
    await expect.poll(() => readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('calls again and again until what is there was read', async () => {
    const event = createEventfd();
    let calls = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watch = watchReadable(event, () => {
      calls += 1;
      if (calls < 3) return;
      drainEventfd(event);
      resolve();
    });
    signalEventfd(event);
    await promise;
    expect(calls).toBe(3);
    expect(fstatSync(event).isFile()).toBe(false);
    watch.close();
  });
});
