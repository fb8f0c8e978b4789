/** Numbers about the guest, from files of /proc; proc(5), and Documentation/admin-guide/iostats.rst of the kernel. */
import { columns, type Family, itemFamily, itemSamples, type Sample, words } from './family.ts';
import { meminfoItems } from './meminfo.ts';

/** Text of the files below /proc. */
export interface GuestTexts {
  readonly loadavg: string;
  readonly stat: string;
  readonly vmstat: string;
  readonly netDev: string;
  readonly diskstats: string;
  readonly meminfo: string;
}

const CPU_COLUMNS = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal', 'guest', 'guest_nice'];

const RECEIVED = ['bytes', 'packets', 'errs', 'drop', 'fifo', 'frame', 'compressed', 'multicast'];
const SENT = ['bytes', 'packets', 'errs', 'drop', 'fifo', 'colls', 'carrier', 'compressed'];
const NETDEV_COLUMNS = [...RECEIVED.map((name) => `recv_${name}`), ...SENT.map((name) => `sent_${name}`)];

const DISK_COLUMNS = [
  'reads',
  'merged',
  'sectors_read',
  'time_reading',
  'writes',
  'writes_merged',
  'sectors_written',
  'time_writing',
  'in_progress',
  'time_in_progress',
  'weighted_time_in_progress',
  'discards',
  'discards_merged',
  'sectors_discarded',
  'time_discarding',
  'flushes',
  'time_flushing',
];

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function cpuSamples(stat: string): readonly Sample[] {
  return lines(stat).flatMap((line) => {
    const [name = '', ...numbers] = words(line);
    const cpu = /^cpu(\d*)$/.exec(name)?.[1];
    return cpu === undefined ? [] : itemSamples(columns(CPU_COLUMNS, numbers), { cpu: cpu === '' ? 'total' : cpu });
  });
}

/** Two lines of titles, and then `name: numbers`, without a space behind the colon where the number is long. */
function netdevSamples(text: string): readonly Sample[] {
  return lines(text).flatMap((line) => {
    const [name, numbers] = line.split(/:(.*)/);
    if (name === undefined || numbers === undefined) return [];
    return itemSamples(columns(NETDEV_COLUMNS, words(numbers)), { interface: name.trim() });
  });
}

function diskSamples(text: string): readonly Sample[] {
  return lines(text).flatMap((line) => {
    const [, , disk, ...numbers] = words(line);
    return disk === undefined ? [] : itemSamples(columns(DISK_COLUMNS, numbers), { disk });
  });
}

function loadFamilies(text: string): readonly Family[] {
  const [load1, load5, load15, tasks = ''] = words(text);
  const [, cur, max] = /^(\d+)\/(\d+)$/.exec(tasks) ?? [];
  return [
    itemFamily('kata_guest_load', 'Load of the guest.', {
      load1: Number(load1),
      load5: Number(load5),
      load15: Number(load15),
    }),
    itemFamily('kata_guest_tasks', 'Tasks of the guest: ready to run (cur), and all (max).', {
      cur: Number(cur),
      max: Number(max),
    }),
  ];
}

/** The families, each made when it is asked for; one whose file is empty has no samples. */
export function* guestFamilies(texts: GuestTexts): Generator<Family> {
  yield* loadFamilies(texts.loadavg);
  yield {
    name: 'kata_guest_cpu_time',
    help: 'Time of the processors (ticks).',
    labels: ['cpu', 'item'],
    samples: cpuSamples(texts.stat),
  };
  const vmstat = lines(texts.vmstat).map((line) => words(line));
  yield itemFamily(
    'kata_guest_vm_stat',
    'Counters of virtual memory.',
    Object.fromEntries(vmstat.map(([key = '', value]) => [key, Number(value)])),
  );
  yield {
    name: 'kata_guest_netdev_stat',
    help: 'What went through the network interfaces.',
    labels: ['interface', 'item'],
    samples: netdevSamples(texts.netDev),
  };
  yield {
    name: 'kata_guest_diskstat',
    help: 'What went to and from the disks (times in ms).',
    labels: ['disk', 'item'],
    samples: diskSamples(texts.diskstats),
  };
  const help = 'Memory of the guest (bytes, and numbers of pages).';
  yield itemFamily('kata_guest_meminfo', help, meminfoItems(texts.meminfo));
}
