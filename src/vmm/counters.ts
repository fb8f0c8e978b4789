/** How much went through disks and network cards. */
import { readFileSync } from 'node:fs';
import { list, number, object, optional, text } from '../host/keeper/json.ts';
import type { PlacedDevice } from './machine/device-table.ts';
import type { RunningMachine } from './machine/running-machine.ts';

/** Counters by device and name. */
export type Counters = Record<string, Record<string, number>>;

const blockStats = list(
  object({
    qdev: optional(text),
    stats: object({ rd_bytes: number, rd_operations: number, wr_bytes: number, wr_operations: number }),
  }),
);

/** The counters of a machine's devices. @throws KataError as QEMU says. */
export async function countersOf(machine: RunningMachine, devices: readonly PlacedDevice[]): Promise<Counters> {
  const counters: Counters = {};
  if (devices.some(({ device }) => device.kind === 'disk')) {
    const stats = blockStats(await machine.execute('query-blockstats', {}), 'block statistics');
    for (const { id, name, device } of devices) {
      const found = stats.find(({ qdev }) => device.kind === 'disk' && qdev?.split('/').includes(name) === true);
      if (found === undefined) continue;
      const { rd_bytes, rd_operations, wr_bytes, wr_operations } = found.stats;
      counters[id] = { read_bytes: rd_bytes, read_ops: rd_operations, write_bytes: wr_bytes, write_ops: wr_operations };
    }
  }
  const interfaces = parseNetDev(readFileSync('/proc/self/net/dev', 'utf8'));
  for (const placed of devices) {
    const found = interfaces.get(tapOf(placed) ?? '');
    if (found !== undefined) counters[placed.id] = found;
  }
  return counters;
}

/**
 * The lines of `/proc/net/dev` by interface, as the guest sees them: what the tap sends, the guest receives. The columns
 * are bytes, packets and six more for each direction; proc(5).
 */
export function parseNetDev(content: string): Map<string, Record<string, number>> {
  const counters = new Map<string, Record<string, number>>();
  for (const line of content.split('\n')) {
    const [, name, numbers] = /^\s*(\S+?):\s*(.+)$/.exec(line) ?? [];
    if (name === undefined || numbers === undefined) continue;
    const column = numbers.trim().split(/\s+/).map(Number);
    const [tx_bytes = 0, tx_frames = 0] = column;
    const [rx_bytes = 0, rx_frames = 0] = column.slice(8);
    counters.set(name, { rx_bytes, rx_frames, tx_bytes, tx_frames });
  }
  return counters;
}

/** Name of the tap behind a card; the kernel tells that of a descriptor (tun.c, tun_chr_show_fdinfo). */
function tapOf({ device }: PlacedDevice): string | undefined {
  if (device.kind !== 'net') return undefined;
  if (device.tap.is === 'name') return device.tap.name;
  const [fd] = device.tap.fds;
  if (fd === undefined) return undefined;
  return /^iff:\s*(\S+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
}
