import { describe, expect, it } from 'vitest';
import { AGENT_PORT, connectAgent } from '../../../src/host/agent-connection.ts';
import type { GuestStream, VsockConnector } from '../../../src/host/vsock/guest-vsock.ts';
import { KataError } from '../../../src/wire/error.ts';
import { Router } from '../../../src/wire/ttrpc/router.ts';
import { TtrpcServer } from '../../../src/wire/ttrpc/server.ts';
import { connection } from './fake-agent.ts';

const NEVER_ABORTED = new AbortController().signal;

/** A vsock whose tries go as `attempt` says, the count of the try being its argument. */
function vsockWith(attempt: (count: number) => Promise<GuestStream>): VsockConnector & { readonly ports: number[] } {
  const ports: number[] = [];
  return {
    ports,
    connect: (port) => {
      ports.push(port);
      return attempt(ports.length);
    },
  };
}

function refused(): Promise<never> {
  return Promise.reject(new KataError('ERR_UNAVAILABLE', 'refused', { errno: 'ECONNREFUSED' }));
}

/** The host's end of a connection to an agent that answers Check. */
function healthyAgent(): GuestStream {
  const router = new Router().register('grpc.Health', { Check: () => ({ status: 1 }) });
  const { host: near, guest: far } = connection(1);
  new TtrpcServer({ handler: (call) => router.dispatch(call) }).serve(far);
  return near;
}

describe('connectAgent()', () => {
  it('tries again until the agent answers', async () => {
    const vsock = vsockWith((count) => (count < 4 ? refused() : Promise.resolve(healthyAgent())));
    const { client, calls } = await connectAgent(vsock, 10_000, NEVER_ABORTED);
    expect(vsock.ports).toEqual([AGENT_PORT, AGENT_PORT, AGENT_PORT, AGENT_PORT]);
    expect(await calls.health.Check()).toMatchObject({ status: 1 });
    client.close();
  });

  it('tries again where a connection is made and ends without an answer', async () => {
    const vsock = vsockWith((count) => {
      if (count > 1) return Promise.resolve(healthyAgent());
      const { host: near, guest: far } = connection(1);
      far.end();
      return Promise.resolve(near);
    });
    const { client } = await connectAgent(vsock, 10_000, NEVER_ABORTED);
    expect(vsock.ports.length).toBe(2);
    client.close();
  });

  it('gives up after its time, with the last failure', async () => {
    await expect(connectAgent(vsockWith(refused), 100, NEVER_ABORTED)).rejects.toMatchObject({
      code: 'ERR_BOOT',
      message: expect.stringMatching(/did not answer .* \(refused\)/),
    });
  });

  it('ends at once when it is told to, and drops a connection that comes later', async () => {
    const controller = new AbortController();
    const { promise: slow, resolve } = Promise.withResolvers<GuestStream>();
    const connecting = connectAgent(
      vsockWith(() => slow),
      60_000,
      controller.signal,
    );
    controller.abort(new KataError('ERR_BOOT', 'QEMU ended'));
    await expect(connecting).rejects.toThrow('QEMU ended');
    const late = healthyAgent();
    resolve(late);
    await new Promise(setImmediate);
    expect(late.destroyed).toBe(true);
  });
});
