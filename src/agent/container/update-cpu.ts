/**
 * Changes of a container's share of the processors. Version 1: kernel, Documentation/scheduler/sched-bwc.rst and
 * cgroup-v1/cpusets.rst; version 2: cgroup-v2.rst.
 */
import type { grpc } from '../../wire/generated/proto.js';
import type { CgroupWrite } from './cgroup-write.ts';
import { badField } from './oci-spec/bad-field.ts';
import { exact, nonZero } from './oci-spec/number.ts';
import { type Asked, change, checkLimit, notApplied, UNLIMITED, type UpdateTarget } from './update-target.ts';

/** Least and most that version 1 takes (kernel/sched/sched.h); what lies outside is moved to the bound. */
const MIN_SHARES = 2n;
const MAX_SHARES = 262_144n;
const MIN_WEIGHT = 1n;
const MAX_WEIGHT = 10_000n;

const CPU_LIST = /^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/;

/** What a file of version 2 says that was never written: no quota, and a period of 100 ms. */
const DEFAULT_MAX = 'max 100000';

/**
 * Shares of version 1 as a weight of version 2: the range of the one laid linearly over that of the other, as the runtime
 * does it that sets a container's first value.
 */
export function sharesToWeight(shares: bigint): bigint {
  const bounded = shares < MIN_SHARES ? MIN_SHARES : shares > MAX_SHARES ? MAX_SHARES : shares;
  return MIN_WEIGHT + ((bounded - MIN_SHARES) * (MAX_WEIGHT - MIN_WEIGHT)) / (MAX_SHARES - MIN_SHARES);
}

function planShares(target: UpdateTarget, shares: bigint): readonly CgroupWrite[] {
  const asked = { field: 'resources.CPU.Shares', given: shares.toString() };
  if (target.files.path('cpu.weight') === undefined) return change(target, asked, 'cpu.shares', shares.toString());
  return change(target, asked, 'cpu.weight', sharesToWeight(shares).toString());
}

/** Version 2 has both numbers in one file; the one that is not asked for stays. */
function planMax(target: UpdateTarget, asked: Asked, quota?: bigint, period?: bigint): readonly CgroupWrite[] {
  const [quotaNow, periodNow] = (target.files.read('cpu.max')?.trim() ?? DEFAULT_MAX).split(' ');
  const wanted = quota === UNLIMITED ? 'max' : (quota ?? quotaNow);
  return change(target, asked, 'cpu.max', `${wanted} ${period ?? periodNow}`);
}

function planBandwidth(target: UpdateTarget, quota?: bigint, period?: bigint): readonly CgroupWrite[] {
  const ofQuota = { field: 'resources.CPU.Quota', given: `${quota}` };
  const ofPeriod = { field: 'resources.CPU.Period', given: `${period}` };
  if (target.files.path('cpu.max') !== undefined) {
    if (quota === undefined) return planMax(target, ofPeriod, quota, period);
    const both = { field: 'resources.CPU.Quota and Period', given: `${quota} ${period}` };
    return planMax(target, period === undefined ? ofQuota : both, quota, period);
  }
  const quotas = quota === undefined ? [] : change(target, ofQuota, 'cpu.cfs_quota_us', `${quota}`);
  if (period === undefined) return quotas;
  const periods = change(target, ofPeriod, 'cpu.cfs_period_us', `${period}`);
  // The share of the time must not pass the one of the cgroup above, not even between the two.
  const grows = period >= BigInt(target.files.read('cpu.cfs_period_us')?.trim() || 0);
  return grows ? [...periods, ...quotas] : [...quotas, ...periods];
}

function planSet(target: UpdateTarget, field: string, file: string, list: string): readonly CgroupWrite[] {
  if (list === '') return [];
  if (!CPU_LIST.test(list)) throw badField(field, list, 'is no list such as 0-2,7');
  return change(target, { field, given: list }, file, list);
}

/**
 * What a change of the processors' part comes to. Zero and empty leave a value alone.
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function planCpu(target: UpdateTarget, cpu: grpc.LinuxCPU): readonly CgroupWrite[] {
  const [shares, quota, period] = [nonZero(cpu.Shares), nonZero(cpu.Quota), nonZero(cpu.Period)];
  checkLimit('resources.CPU.Quota', quota);
  if (exact(cpu.RealtimeRuntime) !== 0n || exact(cpu.RealtimePeriod) !== 0n) {
    notApplied(target, 'resources.CPU.RealtimeRuntime and RealtimePeriod', 'they are set when the container is made');
  }
  return [
    ...(shares === undefined ? [] : planShares(target, shares)),
    ...(quota === undefined && period === undefined ? [] : planBandwidth(target, quota, period)),
    ...planSet(target, 'resources.CPU.Cpus', 'cpuset.cpus', cpu.Cpus),
    ...planSet(target, 'resources.CPU.Mems', 'cpuset.mems', cpu.Mems),
  ];
}
