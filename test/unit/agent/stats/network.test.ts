import { describe, expect, it } from 'vitest';
import { networkStats } from '../../../../src/agent/stats/network.ts';
import { TemporaryFiles } from '../temporary-files.ts';

const NAMES = [
  'rx_bytes',
  'rx_packets',
  'rx_errors',
  'rx_dropped',
  'tx_bytes',
  'tx_packets',
  'tx_errors',
  'tx_dropped',
];

function counters(name: string, first: number): Record<string, string> {
  return Object.fromEntries(NAMES.map((each, index) => [`${name}/statistics/${each}`, `${first + index}\n`]));
}

describe('networkStats', () => {
  it('tells of every interface but the loopback one', () => {
    using files = new TemporaryFiles({
      ...counters('eth0', 10),
      ...counters('eth1', 20),
      ...counters('lo', 30),
      bonding_masters: '',
      'half/statistics/rx_bytes': '1',
    });
    const found = networkStats(files.root).toSorted((a, b) => (a.name ?? '').localeCompare(b.name ?? ''));
    expect(found.map(({ name, rx_bytes, tx_dropped }) => [name, `${rx_bytes}`, `${tx_dropped}`])).toEqual([
      ['eth0', '10', '17'],
      ['eth1', '20', '27'],
    ]);
    expect(Object.keys(found[0] ?? {})).toEqual(['name', ...NAMES]);
  });

  it('tells of none where there is none', () => {
    expect(networkStats('/sys/class/none')).toEqual([]);
  });
});
