/**
 * Blocks read and written. Version 1: kernel, Documentation/admin-guide/cgroup-v1/blkio-controller.rst; version 2: io.stat
 * of Documentation/admin-guide/cgroup-v2.rst.
 */
import type { grpc } from '../../wire/generated/proto.js';
import type { CgroupFiles } from '../container/cgroup-files.ts';
import { u64 } from './number.ts';

/** A line of version 1: `8:0 Read 4096`, or `8:0 12` where there is but one number. The sum of all has no device. */
const LINE = /^(\d+):(\d+) (?:([A-Za-z]+) )?(\d+)$/;

/**
 * The files of version 1, the first that has a device counts: those of the scheduler of old kernels (cfq), those of today's
 * (bfq), and those of the limits, which count whatever the scheduler.
 */
function filesFor(name: string, limits: readonly string[] = []): readonly string[] {
  return [`blkio.${name}_recursive`, `blkio.bfq.${name}_recursive`, ...limits];
}

const FILES_V1: Readonly<Record<keyof grpc.BlkioStats.$Shape & `${string}_recursive`, readonly string[]>> = {
  io_service_bytes_recursive: filesFor('io_service_bytes', [
    'blkio.throttle.io_service_bytes_recursive',
    'blkio.throttle.io_service_bytes',
  ]),
  io_serviced_recursive: filesFor('io_serviced', [
    'blkio.throttle.io_serviced_recursive',
    'blkio.throttle.io_serviced',
  ]),
  io_queued_recursive: filesFor('io_queued'),
  io_service_time_recursive: filesFor('io_service_time'),
  io_wait_time_recursive: filesFor('io_wait_time'),
  io_merged_recursive: filesFor('io_merged'),
  io_time_recursive: filesFor('time'),
  sectors_recursive: filesFor('sectors'),
};

type Entry = grpc.BlkioStatsEntry.$Properties;

function entriesV1(text: string | undefined): readonly Entry[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const [, major, minor, op = '', value] = LINE.exec(line) ?? [];
    if (major === undefined) return [];
    return [{ major: u64(major), minor: u64(minor), op: op.toLowerCase(), value: u64(value) }];
  });
}

function firstWithDevice(files: CgroupFiles, names: readonly string[]): Entry[] {
  for (const name of names) {
    const entries = entriesV1(files.read(name));
    if (entries.length > 0) return [...entries];
  }
  return [];
}

/** Lines `8:0 rbytes=1 wbytes=2 ...`: the client looks at bytes and counts in one list, by these names. */
const OPS_OF_V2: ReadonlyMap<string, string> = new Map([
  ['rbytes', 'read'],
  ['wbytes', 'write'],
  ['rios', 'rios'],
  ['wios', 'wios'],
  ['dbytes', 'dbytes'],
  ['dios', 'dios'],
]);

function entriesV2(text: string): Entry[] {
  return text.split('\n').flatMap((line) => {
    const [device = '', ...pairs] = line.split(' ');
    const [major, minor] = device.split(':');
    if (minor === undefined) return [];
    return pairs.flatMap((pair) => {
      const [key = '', value] = pair.split('=');
      const op = OPS_OF_V2.get(key);
      return op === undefined ? [] : [{ major: u64(major), minor: u64(minor), op, value: u64(value) }];
    });
  });
}

/** Input and output of a cgroup and all below it, a device each; undefined where the kernel does not count it. */
export function blkioStats(files: CgroupFiles): grpc.BlkioStats.$Properties | undefined {
  if (files.path('blkio.reset_stats') !== undefined) {
    return Object.fromEntries(Object.entries(FILES_V1).map(([field, names]) => [field, firstWithDevice(files, names)]));
  }
  const second = files.read('io.stat');
  return second === undefined ? undefined : { io_service_bytes_recursive: entriesV2(second) };
}
