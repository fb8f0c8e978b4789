/** Numbers about the agent's own process; proc(5). */
import { type Family, itemFamily, single, words } from './family.ts';

/** Text of the files below /proc/self. */
export interface AgentTexts {
  readonly stat: string;
  readonly status: string;
  readonly io: string;
}

/** Ticks of a second, for programs on every architecture of ours (USER_HZ). */
const TICKS_PER_SECOND = 100;
const BYTES_PER_KIB = 1024;

/** Where the numbers are in /proc/<pid>/stat, counted from the third field: the name before it can have any character. */
const STAT_FIELDS = { utime: 11, stime: 12, cutime: 13, cstime: 14, threads: 17, vsize: 20 } as const;

const IO_ITEMS = ['rchar', 'wchar', 'syscr', 'syscw', 'read_bytes', 'write_bytes', 'cancelled_write_bytes'] as const;

const STATUS_ITEMS: ReadonlySet<string> = new Set([
  'vmpeak',
  'vmsize',
  'vmlck',
  'vmpin',
  'vmhwm',
  'vmrss',
  'rssanon',
  'rssfile',
  'rssshmem',
  'vmdata',
  'vmstk',
  'vmexe',
  'vmlib',
  'vmpte',
  'vmswap',
  'hugetlbpages',
  'voluntary_ctxt_switches',
  'nonvoluntary_ctxt_switches',
]);

/** Lines `Name: value unit`. */
function colonLines(text: string): ReadonlyMap<string, number> {
  const pairs = text.split('\n').flatMap((line) => {
    const [name, rest] = line.split(':');
    return name !== undefined && rest !== undefined ? [[name, Number(words(rest)[0])] as const] : [];
  });
  return new Map(pairs);
}

/** The families; what is not in the texts is left out. */
export function agentFamilies({ stat, status, io }: AgentTexts): readonly Family[] {
  const fields = words(stat.slice(stat.lastIndexOf(')') + 1));
  const of = (name: keyof typeof STAT_FIELDS): number => Number(fields[STAT_FIELDS[name]]);
  const statusLines = colonLines(status);
  const statusItem = (name: string): number => statusLines.get(name) ?? Number.NaN;
  const statusItems = [...statusLines].map(([name, value]) => [name.toLowerCase(), value] as const);
  const ioItems = colonLines(io);
  return [
    single('kata_agent_threads', 'Threads of the agent.', of('threads')),
    single(
      'kata_agent_total_time',
      'Processor time of the agent (seconds).',
      (of('utime') + of('stime')) / TICKS_PER_SECOND,
    ),
    single('kata_agent_total_vm', 'Address space of the agent (bytes).', of('vsize')),
    single('kata_agent_total_rss', 'Memory of the agent in use (bytes).', statusItem('VmRSS') * BYTES_PER_KIB),
    itemFamily('kata_agent_proc_stat', 'Processor time of the agent and of its children (ticks).', {
      utime: of('utime'),
      stime: of('stime'),
      cutime: of('cutime'),
      cstime: of('cstime'),
    }),
    itemFamily(
      'kata_agent_proc_status',
      'Memory (KiB) and context switches of the agent.',
      Object.fromEntries(statusItems.filter(([item]) => STATUS_ITEMS.has(item))),
    ),
    itemFamily(
      'kata_agent_io_stat',
      'Input and output of the agent.',
      Object.fromEntries(IO_ITEMS.map((item) => [item, ioItems.get(item) ?? Number.NaN])),
    ),
  ];
}
