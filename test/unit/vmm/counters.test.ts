import { describe, expect, it } from 'vitest';
import { countersOf, parseNetDev } from '../../../src/vmm/counters.ts';
import { DeviceTable } from '../../../src/vmm/machine/device-table.ts';
import { RecordingMachine } from './recording-machine.ts';

const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0
tap0_kata:100 10 0 0 0 0 0 0 200 20 0 0 0 0 0 0
`;

describe('parseNetDev()', () => {
  it('takes what the tap sends for what the guest receives', () => {
    expect(parseNetDev(NET_DEV).get('tap0_kata')).toEqual({
      rx_bytes: 200,
      rx_frames: 20,
      tx_bytes: 100,
      tx_frames: 10,
    });
    expect(parseNetDev(NET_DEV).size).toBe(2);
  });
});

describe('countersOf()', () => {
  it("gives each disk's and card's under its id", async () => {
    const table = new DeviceTable();
    table.add({ kind: 'disk', id: 'root', path: '/d', readOnly: true, direct: false, serial: undefined });
    table.add({ kind: 'net', id: 'card', mac: undefined, tap: { is: 'name', name: 'lo' } });
    table.add({ kind: 'rng' });
    const machine = new RecordingMachine();
    machine.answers.set('query-blockstats', [
      { stats: { rd_bytes: 9, rd_operations: 9, wr_bytes: 9, wr_operations: 9 } },
      {
        qdev: '/machine/peripheral/dev2/virtio-backend',
        stats: { rd_bytes: 1, rd_operations: 2, wr_bytes: 3, wr_operations: 4 },
      },
    ]);
    expect(await countersOf(machine, table.all())).toEqual({
      root: { read_bytes: 1, read_ops: 2, write_bytes: 3, write_ops: 4 },
      card: expect.objectContaining({ rx_bytes: expect.any(Number) }),
    });
  });
});
