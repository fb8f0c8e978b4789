import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { agentFamilies } from '../../../../src/agent/metrics/agent-families.ts';
import type { Family } from '../../../../src/agent/metrics/family.ts';
import { countedMounts, filesystemFamilies } from '../../../../src/agent/metrics/filesystems.ts';
import { guestFamilies } from '../../../../src/agent/metrics/guest-families.ts';
import { Metrics } from '../../../../src/agent/metrics/metrics.ts';
import { renderFamilies } from '../../../../src/agent/metrics/render.ts';

const AGENT = {
  // The name of a process can look like the rest of the line.
  stat: '77 (a) b 1 2) S 1 77 77 0 -1 4194560 100 200 0 0 150 50 30 20 20 0 11 0 100 1048576 256 1 2\n',
  status:
    'Name:\tkata-agent\nVmPeak:\t    2048 kB\nVmRSS:\t    1024 kB\nHugetlbPages:\t 0 kB\nThreads:\t11\nvoluntary_ctxt_switches:\t5\n',
  io: 'rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\ncancelled_write_bytes: 7\n',
};

const GUEST = {
  loadavg: '0.25 0.50 1.75 2/345 6789\n',
  stat: 'cpu  10 1 20 1000 5 0 3 0 0 0\ncpu0 10 1 20 1000 5 0 3 0\nintr 5 1 2\nctxt 9\n',
  vmstat: 'nr_free_pages 1234\npgfault 99\n',
  netDev:
    'Inter-|   Receive  |  Transmit\n face |bytes    packets errs|bytes\n    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n  eth0:1000000000 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n',
  diskstats: ' 254       0 vda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n   7 0 loop0 1 2 3 4 5 6 7 8 9 10 11\n',
  meminfo: 'MemTotal:  1024 kB\nActive(anon): 1 kB\n',
};

const ROOT = { source: '/dev/vda', target: '/', fstype: 'ext4', options: 'rw,relatime' };
const USAGE = { bsize: 4096, blocks: 100, bfree: 40, bavail: 30, files: 10, ffree: 4 };

/** Lines without comments, and their order. */
const render = async (families: Iterable<Family>): Promise<readonly string[]> =>
  (await renderFamilies(families, 3)).split('\n').filter((line) => line !== '' && !line.startsWith('#'));

describe('renderFamilies', () => {
  it('tells of the agent', async () => {
    expect(await render(agentFamilies(AGENT))).toEqual([
      'kata_agent_scrape_count 3',
      'kata_agent_threads 11',
      'kata_agent_total_time 2',
      'kata_agent_total_vm 1048576',
      'kata_agent_total_rss 1048576',
      ...['utime 150', 'stime 50', 'cutime 30', 'cstime 20'].map((each) => item('kata_agent_proc_stat', each)),
      ...['vmpeak 2048', 'vmrss 1024', 'hugetlbpages 0', 'voluntary_ctxt_switches 5'].map((each) =>
        item('kata_agent_proc_status', each),
      ),
      ...['rchar 1', 'wchar 2', 'syscr 3', 'syscw 4', 'read_bytes 5', 'write_bytes 6', 'cancelled_write_bytes 7'].map(
        (each) => item('kata_agent_io_stat', each),
      ),
    ]);
  });

  it('tells of the guest', async () => {
    const lines = await render(guestFamilies(GUEST));
    expect(lines).toEqual(
      expect.arrayContaining([
        item('kata_guest_load', 'load15 1.75'),
        item('kata_guest_tasks', 'cur 2'),
        item('kata_guest_tasks', 'max 345'),
        'kata_guest_cpu_time{cpu="total",item="guest_nice"} 0',
        'kata_guest_cpu_time{cpu="0",item="steal"} 0',
        item('kata_guest_vm_stat', 'nr_free_pages 1234'),
        'kata_guest_netdev_stat{interface="eth0",item="recv_bytes"} 1000000000',
        'kata_guest_netdev_stat{interface="lo",item="recv_multicast"} 8',
        'kata_guest_netdev_stat{interface="lo",item="sent_bytes"} 9',
        'kata_guest_netdev_stat{interface="lo",item="sent_carrier"} 15',
        'kata_guest_diskstat{disk="vda",item="time_flushing"} 17',
        'kata_guest_diskstat{disk="vda",item="weighted_time_in_progress"} 11',
        item('kata_guest_meminfo', 'mem_total 1048576'),
        item('kata_guest_meminfo', 'active_anon 1024'),
      ]),
    );
    // What a column is not there for is left out.
    expect(lines.some((line) => line.includes('cpu="0",item="guest"'))).toBe(false);
    expect(lines.some((line) => line.includes('disk="loop0",item="discards"'))).toBe(false);
    expect(lines.some((line) => line.includes('NaN'))).toBe(false);
  });

  it('tells of file systems', async () => {
    const labels = 'mount="/",device="/dev/vda"';
    expect(await render(filesystemFamilies([{ mount: ROOT, usage: USAGE }]))).toEqual([
      'kata_agent_scrape_count 3',
      `kata_guest_filesystem_bytes{${labels},item="total"} 409600`,
      `kata_guest_filesystem_bytes{${labels},item="used"} 245760`,
      `kata_guest_filesystem_bytes{${labels},item="available"} 122880`,
      `kata_guest_filesystem_inodes{${labels},item="total"} 10`,
      `kata_guest_filesystem_inodes{${labels},item="used"} 6`,
      `kata_guest_filesystem_inodes{${labels},item="available"} 4`,
    ]);
  });

  it('has the families and no numbers where nothing can be read', async () => {
    const nothing = { loadavg: '', stat: '', vmstat: '', netDev: '', diskstats: '', meminfo: '' };
    const families = [...agentFamilies({ stat: '', status: '', io: '' }), ...guestFamilies(nothing)];
    expect(await render(families)).toEqual(['kata_agent_scrape_count 3']);
  });
});

/** A line of a family by items. */
function item(name: string, pair: string): string {
  const [label, value] = pair.split(' ');
  return `${name}{item="${label}"} ${value}`;
}

describe('countedMounts', () => {
  it('has each device once, where it can be written to', () => {
    const table = [
      ROOT,
      { ...ROOT, target: '/again' },
      { source: '/dev/vdb', target: '/data', fstype: 'xfs', options: 'rw' },
      { source: '/dev/vdc', target: '/ro', fstype: 'xfs', options: 'ro,relatime' },
      { source: 'tmpfs', target: '/run', fstype: 'tmpfs', options: 'rw' },
    ];
    expect(countedMounts(table).map(({ target }) => target)).toEqual(['/', '/data']);
  });
});

describe('Metrics', () => {
  const metrics = new Metrics(createLogger({ write: () => {} }, 'fatal'));

  it('reads this machine, and counts how often', async () => {
    const texts = await Promise.all([metrics.text(), metrics.text()]);
    expect(texts.map((text) => /^kata_agent_scrape_count (\d)$/m.exec(text)?.[1])).toEqual(['1', '2']);
    const text = await metrics.text();
    const total = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024;
    expect(text).toContain(`kata_guest_meminfo{item="mem_total"} ${total}`);
    const families = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    expect(families).toEqual([
      'kata_agent_scrape_count counter',
      'kata_agent_threads gauge',
      'kata_agent_total_time gauge',
      'kata_agent_total_vm gauge',
      'kata_agent_total_rss gauge',
      'kata_agent_proc_stat gauge',
      'kata_agent_proc_status gauge',
      'kata_agent_io_stat gauge',
      'kata_guest_load gauge',
      'kata_guest_tasks gauge',
      'kata_guest_cpu_time gauge',
      'kata_guest_vm_stat gauge',
      'kata_guest_netdev_stat gauge',
      'kata_guest_diskstat gauge',
      'kata_guest_meminfo gauge',
      'kata_guest_filesystem_bytes gauge',
      'kata_guest_filesystem_inodes gauge',
    ]);
  });
});
