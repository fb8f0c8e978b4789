/** What containers use, what they may use, and processors and memory that come later, in guests of both versions of cgroups. */
import { setTimeout as sleep } from 'node:timers/promises';
import Long from 'long';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Container } from '../../src/host/container.ts';
import { Sandbox } from '../../src/host/sandbox.ts';
import type { grpc } from '../../src/wire/generated/proto.js';
import { guestOutput } from './support/guest-shell.ts';
import { leftoversOf } from './support/leftovers.ts';
import { busyboxRoot } from './support/sandbox.ts';

const MIB = 1024 * 1024;
/** Of what a file said before, when it was read after the statistics. */
const CLOSE = 0.05;

const CASES = [
  {
    version: 1,
    parameters: ['systemd.unified_cgroup_hierarchy=0'],
    directory: (controller: string, id: string) => `/sys/fs/cgroup/${controller}/kata-sandbox/${id}`,
    cpuTime: (id: string) => `cat /sys/fs/cgroup/cpuacct/kata-sandbox/${id}/cpuacct.usage`,
    nsPerUnit: 1,
    memory: 'memory.usage_in_bytes',
    limits: ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes'],
    limitTexts: [`${128 * MIB}`, `${192 * MIB}`],
    pids: 'pids.max',
  },
  {
    version: 2,
    parameters: [],
    directory: (_controller: string, id: string) => `/sys/fs/cgroup/kata-sandbox/${id}`,
    cpuTime: (id: string) => `awk '/^usage_usec/ { print $2 }' /sys/fs/cgroup/kata-sandbox/${id}/cpu.stat`,
    nsPerUnit: 1000,
    memory: 'memory.current',
    limits: ['memory.max', 'memory.swap.max'],
    limitTexts: [`${128 * MIB}`, `${64 * MIB}`],
    pids: 'pids.max',
  },
] as const;

describe.each(CASES)('a guest with version $version of cgroups', (one) => {
  const name = `test-resources-v${one.version}`;
  let sandbox: Sandbox;
  let burner: Container;
  const guest = (script: string): Promise<string> => guestOutput(sandbox.vsock, script);
  const stats = async (): Promise<grpc.CgroupStats> => {
    const { cgroup_stats: found } = await sandbox.calls.agent.StatsContainer({ container_id: 'burner' });
    if (!found) throw new Error('no statistics');
    return found;
  };
  const update = async (resources: grpc.LinuxResources.$Properties): Promise<void> => {
    await sandbox.calls.agent.UpdateContainer({ container_id: 'burner', resources });
  };
  const file = (controller: string, leaf: string) => guest(`cat ${one.directory(controller, 'burner')}/${leaf}`);
  const memory = (limit: number, swap: number) => ({
    Memory: { Limit: Long.fromNumber(limit), Swap: Long.fromNumber(swap) },
  });

  beforeAll(async () => {
    sandbox = await Sandbox.boot({ id: name, cpus: 2, memoryMiB: 512, kernelParameters: one.parameters });
    // A buffer of 40 MiB, and a processor that fills it again and again.
    const command = ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=40M'];
    burner = await sandbox.createContainer({ id: 'burner', root: await busyboxRoot(), command });
  });
  afterAll(async () => {
    await sandbox.stop();
    expect(leftoversOf(name)).toEqual([]);
  });

  it('takes limits before the start, together or not at all', async () => {
    await update({
      ...memory(128 * MIB, 192 * MIB),
      CPU: {
        Shares: Long.fromNumber(512, true),
        Quota: Long.fromNumber(50_000),
        Period: Long.fromNumber(100_000, true),
      },
      Pids: { Limit: Long.fromNumber(50) },
    });
    const limits = await Promise.all(one.limits.map((leaf) => file('memory', leaf)));
    expect(limits).toEqual(one.limitTexts);
    expect(await file('pids', one.pids)).toBe('50');
    const refused = update({ ...memory(64 * MIB, 64 * MIB), CPU: { Quota: Long.fromNumber(5) } });
    await expect(refused).rejects.toMatchObject({ status: 13, message: expect.stringMatching(/CPU\.Quota.*EINVAL/) });
    expect(await Promise.all(one.limits.map((leaf) => file('memory', leaf)))).toEqual(one.limitTexts);
  });

  it('counts as its files count, and how often it held the container up', async () => {
    await burner.start();
    while ((await stats()).memory_stats?.usage?.usage.lessThan(40 * MIB)) await sleep(100);
    const time = async (): Promise<number> => Number(await guest(one.cpuTime('burner'))) * one.nsPerUnit;
    const before = await time();
    await sleep(2_000);
    const found = await stats();
    const after = await time();
    const total = found.cpu_stats?.cpu_usage?.total_usage.toNumber() ?? 0;
    expect(total).toBeGreaterThanOrEqual(before);
    expect(total).toBeLessThanOrEqual(after);
    // How much it got in that time says more of this machine than of the limit.
    expect(found.cpu_stats?.throttling_data?.throttled_periods.toNumber()).toBeGreaterThan(0);
    const used = Number(await file('memory', one.memory));
    expect(Math.abs((found.memory_stats?.usage?.usage.toNumber() ?? 0) / used - 1)).toBeLessThan(CLOSE);
    expect(found.memory_stats?.usage?.limit.toNumber()).toBe(128 * MIB);
    expect(found.pids_stats).toMatchObject({ current: Long.UONE, limit: Long.fromNumber(50, true) });
    for (const key of ['anon', 'file', 'inactive_file', 'cache', 'rss', 'mapped_file', 'total_inactive_file']) {
      expect(Object.keys(found.memory_stats?.stats ?? {})).toContain(key);
    }
  });

  it('takes limits while it runs, up and down', async () => {
    await update(memory(256 * MIB, 256 * MIB));
    expect(await file('memory', one.limits[0])).toBe(`${256 * MIB}`);
    await update(memory(128 * MIB, 192 * MIB));
    expect(await Promise.all(one.limits.map((leaf) => file('memory', leaf)))).toEqual(one.limitTexts);
    await update({ CPU: { Quota: Long.NEG_ONE, Cpus: '1' } });
    expect(await file('cpuset', 'cpuset.cpus')).toBe('1');
  });

  it('puts processors and memory to use that were not, and gives them to its containers', async () => {
    const block = await guest(
      'cd /sys/devices/system/memory; for each in $(ls -d memory* | sort -rV); do echo 0 > $each/online && echo $each && exit; done 2>/dev/null',
    );
    await update({ CPU: { Cpus: '0-1' } });
    await guest('echo 0 > /sys/devices/system/cpu/cpu1/online');
    expect(await guest('cat /sys/devices/system/cpu/online')).toBe('0');
    await sandbox.calls.agent.OnlineCPUMem({ nb_cpus: 2, cpu_only: false });
    expect(await guest('cat /sys/devices/system/cpu/online')).toBe('0-1');
    expect(await guest(`cat /sys/devices/system/memory/${block}/online`)).toBe('1');
    expect(await file('cpuset', 'cpuset.cpus')).toBe('0-1');
    const late = sandbox.calls.agent.OnlineCPUMem({ nb_cpus: 3, cpu_only: true });
    await expect(late).rejects.toMatchObject({ status: 13, message: expect.stringContaining('nb_cpus: 3') });
  });

  it('sets its clock, takes randomness, and gives its metrics', async () => {
    const { agent } = sandbox.calls;
    await agent.SetGuestDateTime({ Sec: Long.fromNumber(2_000_000_000), Usec: Long.fromNumber(500_000) });
    expect(Number(await guest('date +%s')) - 2_000_000_000).toBeLessThan(60);
    await agent.ReseedRandomDev({ data: new Uint8Array(64).fill(3) });
    const { metrics } = await agent.GetMetrics({});
    expect(metrics).toMatch(/^kata_guest_cpu_time\{cpu="1",item="user"\} \d+$/m);
    expect(metrics).toMatch(/^kata_agent_scrape_count 1$/m);
  });

  it('counts what a container has used that has ended', async () => {
    await burner.signal(9);
    expect(await burner.init.wait()).toBe(137);
    expect((await stats()).cpu_stats?.cpu_usage?.total_usage.toNumber()).toBeGreaterThan(0);
    await burner.remove();
  });
});
