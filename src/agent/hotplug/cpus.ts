/** Waiting for processors that the host plugs in. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { GrpcStatus, KataError } from '../../wire/error.ts';
import { fulfilledWithin } from '../process/within.ts';
import { countCpus } from './cpu-list.ts';
import { type HotplugDevices, SYSTEM_DEVICES } from './devices.ts';

/** The host has plugged them in when it asks; the guest hears of it a moment later (ms). */
const ONLINE_DEADLINE_MS = 5_000;
const LOOK_INTERVAL_MS = 50;

/** The processors in use, as a list of the kernel. @throws an error of Node. */
export function onlineCpus(root = SYSTEM_DEVICES): string {
  return readFileSync(`${root}/cpu/online`, 'utf8').trim();
}

/**
 * Puts all processors to use that are there, until so many are in use.
 *
 * `wanted` is the number of all, or with old clients of those that were added. That many are never less than were added,
 * so the one test serves both; what it leaves behind with an old client comes to use by itself
 * ({@link HotplugDevices.follow}).
 * @throws KataError ERR_DEADLINE (INTERNAL on the wire) naming field and value.
 */
export async function waitForCpus(cpus: HotplugDevices, wanted: number, root = SYSTEM_DEVICES): Promise<void> {
  const end = performance.now() + ONLINE_DEADLINE_MS;
  for (;;) {
    await fulfilledWithin(cpus.onlineAll(), Math.max(end - performance.now(), 1));
    const online = countCpus(onlineCpus(root));
    if (online >= wanted) return;
    if (performance.now() >= end) {
      const problem = `nb_cpus: ${wanted} processors are not in use within ${ONLINE_DEADLINE_MS} ms, but ${online}`;
      throw new KataError('ERR_DEADLINE', problem, { status: GrpcStatus.INTERNAL });
    }
    await sleep(LOOK_INTERVAL_MS);
  }
}
