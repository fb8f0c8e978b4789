import { describe, expect, it } from 'vitest';
import { expectEqual } from '../../../../src/host/conformance/expectation.ts';
import { runConformance } from '../../../../src/host/conformance/run.ts';
import type { Scenario } from '../../../../src/host/conformance/scenario.ts';
import { KataError } from '../../../../src/wire/error.ts';
import { never, scriptedAgent } from './scripted-agent.ts';

/** Of each scenario; one that hangs takes it (ms). */
const TIMEOUT_MS = 300;

const good: Scenario = { name: 'good', about: '', run: async ({ health }) => void (await health.Check({})) };
const wrong: Scenario = { name: 'wrong', about: '', run: () => Promise.resolve(expectEqual('sum', 1, 2)) };
const hangs: Scenario = { name: 'hangs', about: '', run: async ({ agent }) => void (await agent.GetMetrics({})) };

async function run(agent: ReturnType<typeof scriptedAgent>, ...scenarios: readonly Scenario[]) {
  const report = await runConformance({ source: agent.source, scenarios, timeoutMs: TIMEOUT_MS });
  const words = report.outcomes.map(
    ({ name, verdict }) => `${name} ${verdict.is}${verdict.is === 'pass' ? '' : `: ${verdict.reason}`}`,
  );
  return { report, words };
}

describe('runConformance()', () => {
  it('begins with the handshake, and ends with the signs of life and the end of the agent', async () => {
    const agent = scriptedAgent({});
    const { report, words } = await run(agent, good, wrong);
    expect(report.version).toBe('9.9');
    expect(words.slice(0, -1)).toEqual([
      'handshake pass',
      'good pass',
      'wrong fail: sum: expected 2, came 1',
      'check-all-along pass',
    ]);
    expect(words.at(-1)).toMatch(/^destroy-sandbox fail: /);
    expect(agent.counts).toEqual({ opened: 1, closed: 1 });
  });

  it('takes a hang for a failure, and names the call', async () => {
    const { words } = await run(scriptedAgent({ handlers: { GetMetrics: never } }), hangs, good);
    expect(words[1]).toBe('hangs fail: not at its end within 0.3 s; without an answer: GetMetrics');
    expect(words[2]).toBe('good pass');
  });

  it('makes an agent anew that answers nothing after a failure', async () => {
    let stuck = false;
    const agent = scriptedAgent({
      handlers: {
        GetMetrics: () => {
          stuck = true;
          return never();
        },
        StatsContainer: () => {
          if (stuck) return never();
          throw new KataError('ERR_INVALID_ARGUMENT', 'nobody');
        },
      },
    });
    const { words } = await run(agent, hangs, good);
    expect(words[2]).toBe('good pass');
    expect(agent.counts).toEqual({ opened: 2, closed: 2 });
  });

  it('runs nothing more where such an agent cannot be made anew', async () => {
    const handlers = { GetMetrics: never, StatsContainer: never };
    const agent = scriptedAgent({ handlers, renewable: false });
    const { words } = await run(agent, hangs, good);
    const lost = 'not-run: the agent is of no use after "hangs"';
    expect(words.slice(2)).toEqual([`good ${lost}`, `check-all-along ${lost}`, `destroy-sandbox ${lost}`]);
    expect(agent.counts).toEqual({ opened: 1, closed: 1 });
  });

  it('makes an agent anew after a failure that spoils it', async () => {
    const agent = scriptedAgent({});
    await run(agent, { ...wrong, spoils: true }, { ...good, spoils: true });
    expect(agent.counts.opened).toBe(2);
  });

  it('tells of a handshake that fails, and runs nothing', async () => {
    const refuse = () => {
      throw new KataError('ERR_FAILED_PRECONDITION', 'there is a sandbox');
    };
    const { words } = await run(scriptedAgent({ handlers: { CreateSandbox: refuse } }), good);
    expect(words[0]).toBe('handshake fail: there is a sandbox');
    expect(words[1]).toBe('good not-run: there is a sandbox');
  });

  it('removes what a scenario leaves', async () => {
    const removed: string[] = [];
    const agent = scriptedAgent({
      handlers: {
        RemoveContainer: ({ container_id: id }) => {
          removed.push(id);
          return {};
        },
      },
    });
    await run(agent, { name: 'leaves', about: '', run: async (scene) => void (await scene.idle()) });
    expect(removed.filter((id) => id.endsWith('-leaves-1'))).toHaveLength(1);
  });
});
