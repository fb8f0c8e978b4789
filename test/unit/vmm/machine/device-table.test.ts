import { describe, expect, it } from 'vitest';
import { DeviceTable, pciAddress } from '../../../../src/vmm/machine/device-table.ts';

const disk = (id?: string) =>
  ({ kind: 'disk', id, path: '/d', readOnly: false, direct: false, serial: undefined }) as const;

describe('a DeviceTable', () => {
  it('gives the lowest free slot, and an id where there is none', () => {
    const table = new DeviceTable();
    expect(table.add(disk('clh_drive_0'))).toMatchObject({ id: 'clh_drive_0', name: 'dev2', slot: 2 });
    const second = table.add(disk());
    expect(second).toMatchObject({ id: '_disk3', slot: 3 });
    table.add({ kind: 'rng' });
    table.remove(second);
    expect(table.find('_disk3')).toBeUndefined();
    expect(table.add(disk('again')).slot).toBe(3);
  });

  it('refuses an id that is taken, and a device too many', () => {
    const table = new DeviceTable();
    table.add(disk('one'));
    expect(() => table.add(disk('one'))).toThrow('device one exists already');
    for (let slot = 3; slot <= 31; slot += 1) table.add(disk());
    expect(() => table.add(disk())).toThrow('all 30 PCI slots are taken');
    expect(table.all()).toHaveLength(30);
  });

  it('tells the address as shims read it: bus 0, function 0, two hex digits', () => {
    const table = new DeviceTable();
    const addresses = Array.from({ length: 9 }, () => pciAddress(table.add(disk())));
    expect([addresses[0], addresses[8]]).toEqual(['0000:00:02.0', '0000:00:0a.0']);
  });
});
