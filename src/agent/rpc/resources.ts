/** The handlers of calls about limits, processors and memory. */
import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import { readCgroupMounts } from '../container/cgroup.ts';
import type { AgentContext } from '../context.ts';
import { onlineCpus, waitForCpus } from '../hotplug/cpus.ts';
import { widenCpuset } from '../hotplug/cpuset.ts';
import { HotplugDevices } from '../hotplug/devices.ts';
import { probeMemory } from '../hotplug/memory-probe.ts';
import { Mutex } from '../process/mutex.ts';
import { fulfilledWithin } from '../process/within.ts';

/** Below the 60 s that a client gives a call. What is late goes on, and nobody hears how it ends (ms). */
const UPDATE_DEADLINE_MS = 45_000;
const MEMORY_DEADLINE_MS = 30_000;

/** Makes the handlers. */
export function resourcesHandlers({
  sandbox,
  logger,
  uevents,
  memory,
}: Pick<AgentContext, 'sandbox' | 'logger' | 'uevents' | 'memory'>) {
  const cpus = new HotplugDevices('cpu', logger);
  // One that hangs holds up one of the threads that Node has for files, and no second one.
  const updating = new Mutex();

  const inTime = async (work: Promise<void>, what: string, deadlineMs: number): Promise<void> => {
    if (await fulfilledWithin(work, deadlineMs)) return;
    throw new KataError('ERR_DEADLINE', `${what} within ${deadlineMs} ms`, { status: GrpcStatus.INTERNAL });
  };

  const widenCpusets = (): void => {
    for (const container of sandbox.containers) {
      try {
        widenCpuset(readCgroupMounts(), container, onlineCpus());
      } catch (error) {
        logger.warn({ error, 'container-id': container.id }, 'the container does not get the new processors');
      }
    }
  };

  return {
    UpdateContainer: async ({ container_id: id, resources }) => {
      const container = sandbox.observedContainer(id);
      if (!resources) return {};
      const updated = updating.run(() => container.update(resources));
      await inTime(updated, `container ${id} is not changed`, UPDATE_DEADLINE_MS);
      return {};
    },
    OnlineCPUMem: async ({ nb_cpus: wanted, cpu_only: cpusOnly }) => {
      if (wanted > 0) {
        cpus.follow(uevents, widenCpusets);
        await waitForCpus(cpus, wanted);
      }
      // Memory that does not come fails no container: it may be there without our doing, or in a moment.
      if (!cpusOnly && !(await fulfilledWithin(memory.onlineAll(), MEMORY_DEADLINE_MS))) {
        logger.warn({ deadlineMs: MEMORY_DEADLINE_MS }, 'memory is not in use yet');
      }
      if (wanted > 0) widenCpusets();
      return {};
    },
    MemHotplugByProbe: async ({ memHotplugProbeAddr: addresses }) => {
      await inTime(probeMemory(addresses), 'memory is not added', MEMORY_DEADLINE_MS);
      return {};
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}
