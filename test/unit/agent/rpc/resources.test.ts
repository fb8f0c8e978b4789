import { existsSync, readFileSync } from 'node:fs';
import Long from 'long';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countCpus } from '../../../../src/agent/hotplug/cpu-list.ts';
import { onlineCpus } from '../../../../src/agent/hotplug/cpus.ts';
import type { AgentClient } from '../../../../src/wire/ttrpc/agent-client.ts';
import { LiveAgent } from './live-agent.ts';

const ID = 'measured';
const UNKNOWN = { status: 3, message: 'Invalid container id "none"' };
const LIMIT = Long.fromNumber(4 * 1024 * 1024, true);

describe('calls about resources', () => {
  let live: LiveAgent;
  let agent: AgentClient['agent'];
  beforeAll(async () => {
    live = await LiveAgent.start();
    ({ agent } = live.client);
    await agent.CreateContainer(live.request(ID, 'while :; do :; done'));
  });
  afterAll(() => live.stop());

  it('name a container that there is not', async () => {
    await expect(agent.StatsContainer({ container_id: 'none' })).rejects.toMatchObject(UNKNOWN);
    await expect(agent.UpdateContainer({ container_id: 'none' })).rejects.toMatchObject(UNKNOWN);
  });

  it('change the limits of a container, as far as this machine has them, and leave out the others', async () => {
    await agent.UpdateContainer({ container_id: ID });
    const HugepageLimits = [
      { Pagesize: '2MB', Limit: LIMIT },
      { Pagesize: '64KB', Limit: LIMIT },
    ];
    await agent.UpdateContainer({ container_id: ID, resources: { HugepageLimits } });
    expect(live.log()).toContainEqual(expect.objectContaining({ msg: expect.stringMatching(/of 64KB: not applied/) }));
    const refused = agent.UpdateContainer({ container_id: ID, resources: { Memory: { Limit: Long.fromNumber(-9) } } });
    await expect(refused).rejects.toMatchObject({ status: 13, message: expect.stringContaining('"-9"') });
  });

  it('count what a container uses, before its start, while it runs and when it has ended', async () => {
    const used = async (): Promise<number> => {
      const { cgroup_stats: stats, network_stats: interfaces } = await agent.StatsContainer({ container_id: ID });
      expect(interfaces.map(({ name }) => name)).not.toContain('lo');
      return stats?.cpu_stats?.cpu_usage?.total_usage.toNumber() ?? Number.NaN;
    };
    const before = await used();
    await agent.StartContainer({ container_id: ID });
    while ((await used()) < before + 50_000_000);
    const { cgroup_stats: stats } = await agent.StatsContainer({ container_id: ID });
    if (stats?.hugetlb_stats['2MB'] !== undefined) {
      expect(stats.hugetlb_stats['2MB'].max_usage?.toString()).toBe(LIMIT.toString());
    }
    await agent.SignalProcess({ container_id: ID, exec_id: '', signal: 9 });
    await agent.WaitProcess({ container_id: ID, exec_id: ID });
    expect(await used()).toBeGreaterThan(before);
    await expect(agent.UpdateContainer({ container_id: ID, resources: {} })).rejects.toMatchObject({ status: 13 });
    await agent.RemoveContainer({ container_id: ID });
    await expect(agent.StatsContainer({ container_id: ID })).rejects.toMatchObject({ status: 3 });
  });

  it('answer at once where as many processors are in use as are wanted', async () => {
    await agent.OnlineCPUMem({ nb_cpus: countCpus(onlineCpus()), cpu_only: true, wait: true });
    await agent.OnlineCPUMem({ nb_cpus: 0, cpu_only: true });
  });

  it('say so where memory cannot be added', async () => {
    await agent.MemHotplugByProbe({});
    if (existsSync('/sys/devices/system/memory/probe')) return;
    const refused = agent.MemHotplugByProbe({ memHotplugProbeAddr: [Long.fromNumber(2 ** 40, true)] });
    await expect(refused).rejects.toMatchObject({ status: 13, message: expect.stringContaining('ENOENT') });
  });

  it('give the metrics, again and again, and none of it holds up a check', async () => {
    for (const count of [1, 2]) {
      const [{ metrics }] = await Promise.all([agent.GetMetrics({}), live.client.health.Check({})]);
      expect(metrics).toMatch(new RegExp(`^kata_agent_scrape_count ${count}$`, 'm'));
      const threads = Number(/^Threads:\s+(\d+)$/m.exec(readFileSync(`/proc/${live.agentPid()}/status`, 'utf8'))?.[1]);
      expect(Number(/^kata_agent_threads (\d+)$/m.exec(metrics)?.[1])).toBe(threads);
    }
  });

  it('refuse swap that is none, by name', async () => {
    const message = expect.stringContaining('PCIPath');
    await expect(agent.AddSwap({ PCIPath: [] })).rejects.toMatchObject({ status: 13, message });
    await expect(agent.AddSwap({ PCIPath: [2, 32] })).rejects.toMatchObject({ status: 13, message });
    await expect(agent.AddSwapPath({ path: '-a' })).rejects.toMatchObject({ status: 13 });
    const missing = { status: 13, message: expect.stringMatching(/^swapon "\/none": .*No such file/) };
    await expect(agent.AddSwapPath({ path: '/none' })).rejects.toMatchObject(missing);
  });
});
