/** What a container uses and may use, and the guest's processors, memory, clock and metrics. */
import Long from 'long';
import { GrpcStatus } from '../../../wire/error.ts';
import type { grpc } from '../../../wire/generated/proto.js';
import { GUEST_SHM } from '../../oci-spec/spec.ts';
import { GUEST_SHARE } from '../../share.ts';
import { expectEqual, expectMatch, expectRefusal, expectThat } from '../expectation.ts';
import type { Scenario } from '../scenario.ts';

const { INTERNAL, INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED } = GrpcStatus;
const MIB = 1 << 20;
/** Memory of the container that wants more than that. */
const OOM_LIMIT = 16 * MIB;
/** An event that were to be told a second time would be by then (ms). */
const SECOND_EVENT_MS = 300;
/** How far a clock may be off after it was set: calls take their time on a busy machine (s). */
const CLOCK_TOLERANCE_S = 30;
/** Unit of a volume's usage (csi.proto). */
const [BYTES, INODES] = [1, 2];

async function statsOf(agent: { StatsContainer(request: object): Promise<grpc.StatsContainerResponse> }, id: string) {
  const { cgroup_stats: stats } = await agent.StatsContainer({ container_id: id });
  return {
    cpu: stats?.cpu_stats?.cpu_usage?.total_usage?.toString() ?? 'none',
    memory: stats?.memory_stats?.usage?.usage?.toString() ?? 'none',
    limit: stats?.memory_stats?.usage?.limit?.toString() ?? 'none',
    pids: stats?.pids_stats?.current?.toString() ?? 'none',
    keys: Object.keys(stats?.memory_stats?.stats ?? {}),
  };
}

const stats: Scenario = {
  name: 'stats',
  about: 'StatsContainer tells time, memory and processes of a container, with the lines of memory.stat',
  run: async (scene) => {
    const container = await scene.start({ args: ['sh', '-c', 'sleep 1000 & wait'] });
    await container.shell('head -c 1000000 /dev/zero | sha256sum');
    const { cpu, memory, pids, keys } = await statsOf(scene.agent, container.id);
    expectThat(Number(cpu) > 0, 'processor time (ns)', 'more than 0', cpu);
    expectThat(Number(memory) > 0, 'memory', 'more than 0', memory);
    expectThat(Number(pids) >= 2, 'processes', '2', pids);
    expectThat(
      keys.some((key) => key.endsWith('inactive_file')),
      'memory_stats.stats',
      'inactive_file among them',
      keys,
    );
    for (const key of ['usage', 'usage_limit', 'swap_usage', 'swap_limit']) {
      expectThat(!keys.includes(key), 'memory_stats.stats', `no ${key}, which the shim takes for another field`, keys);
    }
  },
};

const update: Scenario = {
  name: 'update',
  about: 'UpdateContainer changes the limit of memory, up and down, and shares and quota of processors',
  run: async (scene) => {
    const container = await scene.idle();
    await scene.agent.UpdateContainer({ container_id: container.id });
    for (const bytes of [64 * MIB, 32 * MIB, 128 * MIB]) {
      const resources = { Memory: { Limit: Long.fromNumber(bytes) } };
      await scene.agent.UpdateContainer({ container_id: container.id, resources });
      expectEqual('limit of memory', (await statsOf(scene.agent, container.id)).limit, `${bytes}`);
    }
    const CPU = {
      Shares: Long.fromNumber(512, true),
      Quota: Long.fromNumber(50_000),
      Period: Long.fromNumber(100_000, true),
    };
    await scene.agent.UpdateContainer({ container_id: container.id, resources: { CPU } });
    expectEqual('exec afterwards', (await container.shell('echo alive')).stdout.toString(), 'alive\n');
  },
};

const outOfMemory: Scenario = {
  name: 'oom',
  about: 'a container that is out of memory is told of once by GetOOMEvent, before its status is',
  run: async (scene) => {
    const container = await scene.start({
      args: ['sh', '-c', 'exec dd if=/dev/zero of=/dev/null bs=64M count=1'],
      change: (_request, { Linux: linux }) => {
        const limit = Long.fromNumber(OOM_LIMIT);
        if (linux?.Resources) linux.Resources.Memory = { Limit: limit, Swap: limit };
      },
    });
    const told = (): number => scene.outOfMemory.filter((id) => id === container.id).length;
    expectEqual('status', (await container.init.toEnd()).code, 137);
    // An answer that was sent before the status is here when the next answer is.
    await scene.health.Check({});
    expectEqual('times that it was told when the status was', told(), 1);
    await scene.pause(SECOND_EVENT_MS);
    expectEqual('times that it was told', told(), 1);
  },
};

const noFalseAlarm: Scenario = {
  name: 'oom-not-told',
  about: 'GetOOMEvent does not name a container that was killed by a signal',
  run: async (scene) => {
    const container = await scene.idle();
    await container.kill();
    expectEqual('status', await container.init.wait(), 137);
    await scene.pause(SECOND_EVENT_MS);
    expectThat(
      !scene.outOfMemory.includes(container.id),
      'containers out of memory',
      'not this one',
      scene.outOfMemory,
    );
  },
};

const online: Scenario = {
  name: 'online-cpu-mem',
  about: 'OnlineCPUMem with the processors that are there answers at once; so does MemHotplugByProbe without addresses',
  run: async ({ agent }) => {
    await agent.OnlineCPUMem({ wait: false, nb_cpus: 1, cpu_only: true });
    await agent.OnlineCPUMem({ wait: false, nb_cpus: 0, cpu_only: false });
    await agent.MemHotplugByProbe({});
  },
};

const details: Scenario = {
  name: 'guest-details',
  about: 'GetGuestDetails tells of blocks of memory where it is asked, and of itself in any case',
  run: async ({ agent }) => {
    const unasked = await agent.GetGuestDetails({});
    expectEqual('mem_block_size_bytes that was not asked for', unasked.mem_block_size_bytes.toString(), '0');
    expectThat((unasked.agent_details?.version ?? '') !== '', 'version', 'one', unasked.agent_details);
    const asked = await agent.GetGuestDetails({ mem_block_size: true, mem_hotplug_probe: true });
    const bytes = asked.mem_block_size_bytes.toNumber();
    expectThat(bytes === 0 || Number.isInteger(Math.log2(bytes)), 'mem_block_size_bytes', 'a power of 2, or 0', bytes);
  },
};

const reseed: Scenario = {
  name: 'reseed',
  about: 'ReseedRandomDev takes bytes, and refuses none',
  run: async ({ agent }) => {
    await agent.ReseedRandomDev({ data: Buffer.alloc(64, 7) });
    await expectRefusal('no bytes', agent.ReseedRandomDev({}), { statuses: [INTERNAL, INVALID_ARGUMENT] });
  },
};

const clock: Scenario = {
  name: 'clock',
  about: 'SetGuestDateTime sets the clock, and refuses what is no time',
  run: async (scene) => {
    await scene.agent.SetGuestDateTime({
      Sec: Long.fromNumber(Math.floor(Date.now() / 1000)),
      Usec: Long.fromNumber(1),
    });
    const container = await scene.idle();
    const told = await container.shell('stat -c %Y /proc/self/stat; touch /data/now; stat -c %Y /data/now');
    const seconds = Number(told.stdout.toString().trim().split('\n').at(-1));
    const off = Math.abs(seconds - Date.now() / 1000);
    expectThat(off < CLOCK_TOLERANCE_S, 'clock of the guest', 'that of this machine', `${seconds} s since 1970`);
    const bad = scene.agent.SetGuestDateTime({ Sec: Long.fromNumber(seconds), Usec: Long.fromNumber(2_000_000) });
    await expectRefusal('2,000,000 us', bad, { statuses: [INTERNAL, INVALID_ARGUMENT] });
  },
};

const metrics: Scenario = {
  name: 'metrics',
  about: 'GetMetrics answers the families of the agent and the guest as text',
  run: async ({ agent }) => {
    const { metrics: text } = await agent.GetMetrics({});
    const families = [
      ...['scrape_count', 'threads', 'total_time', 'total_vm', 'total_rss', 'io_stat', 'proc_stat', 'proc_status'].map(
        (name) => `kata_agent_${name}`,
      ),
      ...['load', 'tasks', 'cpu_time', 'vm_stat', 'netdev_stat', 'meminfo'].map((name) => `kata_guest_${name}`),
    ];
    const absent = families.filter((name) => !new RegExp(`^${name}(\\{.*\\})? [0-9.e+-]+`, 'm').test(text));
    expectEqual('families that are absent', absent, []);
    expectMatch('text', text, /^# TYPE kata_agent_threads gauge$/m);
  },
};

const volumeStats: Scenario = {
  name: 'volume-stats',
  about: 'GetVolumeStats tells bytes and inodes of a volume, and refuses one that is not there',
  run: async ({ agent }) => {
    const { usage, volume_condition: condition } = await agent.GetVolumeStats({ volume_guest_path: GUEST_SHM });
    expectEqual(
      'units',
      usage.map(({ unit }) => unit),
      [BYTES, INODES],
    );
    for (const { available, total, used } of usage) {
      const [all, sum] = [total?.toString(), available?.add(used ?? 0).toString()];
      expectEqual('available and used together', sum, all);
    }
    expectEqual('condition', condition?.abnormal, false);
    const nowhere = agent.GetVolumeStats({ volume_guest_path: `${GUEST_SHARE}/no-such-volume` });
    await expectRefusal('a volume that is not there', nowhere, { statuses: [INTERNAL, INVALID_ARGUMENT, NOT_FOUND] });
  },
};

const ephemeral: Scenario = {
  name: 'update-ephemeral-mounts',
  about: 'UpdateEphemeralMounts gives memory volumes another size; another driver is refused, and nothing is no error',
  run: async (scene) => {
    const remount = (driver: string, size: string): Promise<unknown> =>
      scene.agent.UpdateEphemeralMounts({
        storages: [{ driver, source: 'shm', fstype: 'tmpfs', options: ['remount', size], mount_point: GUEST_SHM }],
      });
    await scene.agent.UpdateEphemeralMounts({});
    await remount('ephemeral', 'size=48M');
    const container = await scene.idle();
    const told = await container.shell("stat -f -c '%b %S' /dev/shm");
    const [blocks = 0, size = 0] = told.stdout.toString().split(' ').map(Number);
    expectEqual('size of /dev/shm', blocks * size, 48 * MIB);
    await expectRefusal('the driver blk', remount('blk', 'size=32M'), { statuses: [INTERNAL, INVALID_ARGUMENT] });
  },
};

const unimplemented: Scenario = {
  name: 'unimplemented',
  about: 'ResizeVolume, and a call of an older release, are UNIMPLEMENTED: the shim goes on without them',
  run: async ({ agent }) => {
    await expectRefusal('ResizeVolume', agent.ResizeVolume({ volume_guest_path: '/' }), { statuses: [UNIMPLEMENTED] });
    await expectRefusal('StartTracing', agent.StartTracing({}), { statuses: [UNIMPLEMENTED] });
  },
};

export const RESOURCES: readonly Scenario[] = [
  stats,
  update,
  outOfMemory,
  noFalseAlarm,
  online,
  details,
  reseed,
  clock,
  metrics,
  volumeStats,
  ephemeral,
  unimplemented,
];
