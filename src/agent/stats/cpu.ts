/**
 * Time of processors. Version 1: kernel, Documentation/admin-guide/cgroup-v1/cpuacct.rst; version 2: "CPU Interface Files"
 * of Documentation/admin-guide/cgroup-v2.rst.
 */
import Long from 'long';
import type { grpc } from '../../wire/generated/proto.js';
import type { CgroupFiles } from '../container/cgroup-files.ts';
import { keyed, u64 } from './number.ts';

const NS_PER_US = Long.fromNumber(1000, true);
/** cpuacct.stat counts ticks for programs, of which a second has 100 (USER_HZ) on every architecture of ours (ns). */
const NS_PER_TICK = Long.fromNumber(10_000_000, true);

function usage(files: CgroupFiles): grpc.CpuUsage.$Properties | undefined {
  const total = files.read('cpuacct.usage');
  if (total !== undefined) {
    const stat = keyed(files.read('cpuacct.stat'));
    const perCpu = (files.read('cpuacct.usage_percpu') ?? '').split(/\s+/).filter((word) => word !== '');
    return {
      total_usage: u64(total),
      percpu_usage: perCpu.map(u64),
      usage_in_kernelmode: u64(stat.get('system')).mul(NS_PER_TICK),
      usage_in_usermode: u64(stat.get('user')).mul(NS_PER_TICK),
    };
  }
  const stat = keyed(files.read('cpu.stat', 'cgroup.events'));
  if (stat.size === 0) return undefined;
  return {
    total_usage: u64(stat.get('usage_usec')).mul(NS_PER_US),
    usage_in_kernelmode: u64(stat.get('system_usec')).mul(NS_PER_US),
    usage_in_usermode: u64(stat.get('user_usec')).mul(NS_PER_US),
  };
}

function throttling(files: CgroupFiles): grpc.ThrottlingData.$Properties | undefined {
  // Both versions have a cpu.stat, and a machine can have both.
  const first = files.read('cpu.stat', 'cpu.shares');
  const stat = keyed(first ?? files.read('cpu.stat', 'cgroup.events'));
  if (stat.size === 0) return undefined;
  return {
    periods: u64(stat.get('nr_periods')),
    throttled_periods: u64(stat.get('nr_throttled')),
    throttled_time:
      first === undefined ? u64(stat.get('throttled_usec')).mul(NS_PER_US) : u64(stat.get('throttled_time')),
  };
}

/** Time of processors that a cgroup and all below it have used (ns); undefined where the kernel does not count it. */
export function cpuStats(files: CgroupFiles): grpc.CpuStats.$Properties | undefined {
  const [cpu_usage, throttling_data] = [usage(files), throttling(files)];
  if (cpu_usage === undefined && throttling_data === undefined) return undefined;
  return { ...(cpu_usage && { cpu_usage }), ...(throttling_data && { throttling_data }) };
}
