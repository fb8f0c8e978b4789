import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { TtrpcClient } from '../../../../src/wire/ttrpc/client.ts';
import { TtrpcServer } from '../../../../src/wire/ttrpc/server.ts';

function connect(server: TtrpcServer): TtrpcClient {
  const [left, right] = duplexPair();
  server.serve(right);
  return new TtrpcClient(left);
}

describe('TtrpcServer', () => {
  it('serves connections independently of each other', async () => {
    const server = new TtrpcServer({
      handler: ({ method, payload }) => (method === 'Hang' ? new Promise(() => {}) : Promise.resolve(payload)),
    });
    const [stuck, silent] = [connect(server), duplexPair()];
    server.serve(silent[1]);
    silent[0].write(Buffer.from([0, 0, 0]));
    const hanging = stuck.call('s', 'Hang', Buffer.alloc(0));
    const reply = await connect(server).call('s', 'Echo', Buffer.from('hello'));
    expect(Buffer.from(reply).toString()).toBe('hello');
    stuck.close();
    await expect(hanging).rejects.toMatchObject({ code: 'ERR_UNAVAILABLE', message: 'ttrpc: closed' });
  });

  it('gets the answer of a call out that asked for the close', async () => {
    let closed: Promise<void> | undefined;
    const server: TtrpcServer = new TtrpcServer({
      handler: async () => {
        closed = server.close();
        await Promise.resolve();
        return Buffer.from('leaving');
      },
    });
    const client = connect(server);
    const reply = await client.call('s', 'Destroy', Buffer.alloc(0));
    expect(Buffer.from(reply).toString()).toBe('leaving');
    await closed;
    await expect(client.closed).resolves.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  });

  it('tells waiting calls to give up when it closes', async () => {
    const server = new TtrpcServer({
      handler: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    });
    const waiting = connect(server).call('s', 'Wait', Buffer.alloc(0));
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'ERR_CANCELLED', message: 'the server is closing' });
    await new Promise((resolve) => setImmediate(resolve));
    await server.close();
    await outcome;
  });

  it('drops a connection that comes after the close', async () => {
    const server = new TtrpcServer({ handler: () => Promise.resolve(Buffer.alloc(0)) });
    await server.close();
    await expect(connect(server).closed).resolves.toMatchObject({ code: 'ERR_UNAVAILABLE' });
  });
});
