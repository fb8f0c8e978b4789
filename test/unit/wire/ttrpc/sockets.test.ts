/** Client and server over real sockets, where a peer may vanish in ways that a pair of streams does not know. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TtrpcClient } from '../../../../src/wire/ttrpc/client.ts';
import { encodeFrame, MAX_PAYLOAD_LENGTH } from '../../../../src/wire/ttrpc/frame.ts';
import { TtrpcServer } from '../../../../src/wire/ttrpc/server.ts';
import type { ServerCall } from '../../../../src/wire/ttrpc/server-connection.ts';
import { requestFrame } from './raw-peer.ts';

const EMPTY = Buffer.alloc(0);

let directory: string;
let listener: Server;
let server: TtrpcServer;
let waiting: ServerCall[];

/** `Wait` ends when nobody waits for it any more, `Big` answers with 1 MiB, every other method echoes. */
function handle(call: ServerCall): Promise<Uint8Array> {
  if (call.method === 'Big') return Promise.resolve(Buffer.alloc(1 << 20));
  if (call.method !== 'Wait') return Promise.resolve(call.payload);
  waiting.push(call);
  return new Promise((_, reject) => call.signal.addEventListener('abort', () => reject(call.signal.reason)));
}

function connect(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket: Socket = netConnect(join(directory, 'a.sock'), () => resolve(socket));
    socket.on('error', reject);
  });
}

/** Open sockets of this process. */
function sockets(): number {
  return readdirSync('/proc/self/fd').length;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ttrpc-'));
  waiting = [];
  server = new TtrpcServer({ handler: handle });
  listener = createServer((socket) => server.serve(socket));
  await new Promise<void>((resolve) => listener.listen(join(directory, 'a.sock'), resolve));
});

afterEach(async () => {
  await server.close();
  await new Promise((resolve) => listener.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

describe('ttrpc over sockets', () => {
  it('carries the longest messages', async () => {
    const client = new TtrpcClient(await connect());
    const payload = Buffer.alloc(MAX_PAYLOAD_LENGTH - 100, 7);
    expect(payload.equals(await client.call('s', 'Echo', payload))).toBe(true);
    client.close();
  });

  it('gets long messages through in both directions at a time', async () => {
    const client = new TtrpcClient(await connect());
    const payloads = [1, 2, 3, 4, 5].map((byte) => Buffer.alloc(3 << 20, byte));
    const replies = await Promise.all(payloads.map((payload) => client.call('s', 'Echo', payload)));
    expect(payloads.every((payload, index) => payload.equals(replies[index] ?? EMPTY))).toBe(true);
    client.close();
  });

  it('aborts waiting calls when the client vanishes', async () => {
    const client = new TtrpcClient(await connect());
    const call = expect(client.call('s', 'Wait', EMPTY)).rejects.toMatchObject({ message: 'ttrpc: closed' });
    await expect.poll(() => waiting.length).toBe(1);
    client.close();
    await call;
    await expect.poll(() => waiting[0]?.signal.aborted).toBe(true);
    expect(waiting[0]?.signal.reason).toMatchObject({ code: 'ERR_CANCELLED' });
  });

  it('leaves no descriptor behind, however a connection ends', async () => {
    const before = sockets();
    for (let round = 0; round < 30; round += 1) {
      const client = new TtrpcClient(await connect());
      await client.call('s', 'Echo', EMPTY);
      const abandoned = client.call('s', 'Wait', EMPTY).catch(() => {});
      client.close();
      await abandoned;

      const ended = await connect();
      ended.resume().end(requestFrame(1));
      const half = await connect();
      half.resume().write(requestFrame(1).subarray(0, 5));
      const garbage = await connect();
      garbage.resume().write('GET / HTTP/1.1\r\n\r\n');
      half.destroy();
      await Promise.all([ended, garbage].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    }
    await expect.poll(sockets).toBe(before);
  });

  it('serves others while one client does not read and another sends half a frame', async () => {
    const deaf = await connect();
    deaf.pause();
    for (let id = 1; id < 200; id += 2) deaf.write(requestFrame(id, { method: 'Big' }));
    const silent = await connect();
    silent.write(encodeFrame({ streamId: 1, type: 1, flags: 0 }, Buffer.alloc(1000)).subarray(0, 500));
    const client = new TtrpcClient(await connect());
    for (let round = 0; round < 20; round += 1) await client.call('s', 'Echo', EMPTY);
    client.close();
    deaf.destroy();
    silent.destroy();
  });
});
