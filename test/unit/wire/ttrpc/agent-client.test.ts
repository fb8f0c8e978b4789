import fc from 'fast-check';
import Long from 'long';
import { describe, expect, it } from 'vitest';
import { AgentClient } from '../../../../src/wire/ttrpc/agent-client.ts';
import { TtrpcClient } from '../../../../src/wire/ttrpc/client.ts';
import { Router } from '../../../../src/wire/ttrpc/router.ts';
import { TtrpcServer } from '../../../../src/wire/ttrpc/server.ts';
import { cutPair } from './pieces.ts';

/** An agent that is called through a connection which is cut into pieces of the given sizes. */
function connect(router: Router, sizes: readonly number[]): { agent: AgentClient; close: () => Promise<void> } {
  const [left, right] = cutPair(sizes);
  const server = new TtrpcServer({ handler: (call) => router.dispatch(call) });
  server.serve(right);
  const client = new TtrpcClient(left);
  return {
    agent: new AgentClient(client),
    close: async () => {
      client.close();
      await server.close();
    },
  };
}

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 });

describe('AgentClient', () => {
  it('calls typed methods with plain objects', async () => {
    const router = new Router()
      .register('grpc.AgentService', {
        StatsContainer: ({ container_id }) => ({
          network_stats: [{ name: container_id, rx_bytes: Long.MAX_UNSIGNED_VALUE }],
        }),
      })
      .register('grpc.Health', { Version: () => ({ agent_version: '4.1.0', grpc_version: '0.0.1' }) });
    const { agent, close } = connect(router, [1000]);
    const stats = await agent.agent.StatsContainer({ container_id: 'c1' });
    expect(stats.network_stats[0]?.name).toBe('c1');
    expect(stats.network_stats[0]?.rx_bytes.toString()).toBe('18446744073709551615');
    expect(await agent.health.Version()).toMatchObject({ agent_version: '4.1.0', grpc_version: '0.0.1' });
    await expect(agent.agent.SetPolicy({ policy: '' })).rejects.toMatchObject({
      code: 'ERR_UNIMPLEMENTED',
      message: '/grpc.AgentService/SetPolicy is not supported',
    });
    await close();
  });

  it('keeps many calls apart, however the bytes are cut and whichever answers first', async () => {
    const delays = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(sizes, delays, async (lengths, turns) => {
        const router = new Router().register('grpc.AgentService', {
          WaitProcess: async ({ exec_id }) => {
            const index = Number(exec_id);
            for (let turn = 0; turn < (turns[index] ?? 0); turn += 1) await new Promise((done) => setImmediate(done));
            return { status: index + 1 };
          },
        });
        const { agent, close } = connect(router, lengths);
        const statuses = await Promise.all(
          turns.map(async (_, index) => (await agent.agent.WaitProcess({ exec_id: `${index}` })).status),
        );
        expect(statuses).toEqual(turns.map((_, index) => index + 1));
        await close();
      }),
      { numRuns: 50 },
    );
  });
});
