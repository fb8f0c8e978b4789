import Long from 'long';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDevices, findDevices, withGuestDevices } from '../../../../src/agent/container/devices.ts';
import { BlockDevices } from '../../../../src/agent/device/block-devices.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';
import { FakeSysfs } from '../device/fake-sysfs.ts';

const device = (more: grpc.Device.$Properties): grpc.Device => grpc.Device.decode(grpc.Device.encode(more).finish());
const spec = (linux: grpc.Linux.$Properties): grpc.Spec =>
  grpc.Spec.decode(grpc.Spec.encode({ Version: '1', Linux: linux }).finish());
const n = (value: number): Long => Long.fromNumber(value);
const NODES = spec({
  Devices: [
    { Path: '/dev/x', Type: 'b', Major: n(8), Minor: n(0) },
    { Path: '/dev/y', Type: 'b', Major: n(8), Minor: n(16), FileMode: 0o600, UID: 5 },
    { Path: '/dev/tty0', Type: 'c', Major: n(8), Minor: n(0) },
  ],
  Resources: {
    Devices: [
      { Allow: false, Access: 'rwm' },
      { Allow: true, Type: 'b', Major: n(8), Minor: n(16), Access: 'r' },
      { Allow: true, Type: 'b', Major: n(8), Minor: n(0), Access: 'rw' },
      { Allow: true, Type: 'c', Major: n(8), Minor: n(0), Access: 'w' },
    ],
  },
});

describe('checkDevices', () => {
  it('takes none, and those that the specification has', () => {
    checkDevices([], spec({}));
    const blk = device({ type: 'blk', id: '02', container_path: '/dev/x' });
    const scsi = device({ type: 'scsi', id: '0:1', container_path: '/dev/y' });
    checkDevices([blk, scsi], NODES);
  });

  it.each([
    [{ type: 'vfio-pci', id: '02', container_path: '/dev/x' }, 12, 'devices of type vfio-pci are not supported'],
    [{ type: 'floppy', id: '02', container_path: '/dev/x' }, 13, 'devices.type: "floppy"'],
    [{ type: 'toString', id: '02', container_path: '/dev/x' }, 13, 'devices.type: "toString"'],
    [{ id: '02', container_path: '/dev/x' }, 13, 'devices.type: "" is empty'],
    [{ type: 'blk', container_path: '/dev/x' }, 13, 'devices.id'],
    [{ type: 'blk', vm_path: '/dev/vda' }, 13, 'devices.container_path'],
    [{ type: 'blk', id: '02', container_path: '/dev/z' }, 13, 'Missing devices in OCI spec'],
  ])('refuses %j', (given, status, text) => {
    const check = (): void => checkDevices([device(given)], NODES);
    expect(check).toThrow(expect.objectContaining({ status }));
    expect(check).toThrow(text);
  });

  it('refuses two for one path', () => {
    const one = device({ type: 'blk', id: '02', container_path: '/dev/x' });
    expect(() => checkDevices([one, one], NODES)).toThrow('"/dev/x" is there twice');
  });
});

describe('findDevices', () => {
  let sysfs: FakeSysfs;
  beforeEach(() => {
    sysfs = new FakeSysfs();
  });
  afterEach(() => sysfs.remove());

  it('finds each by the address that its kind has, whatever the host calls it', async () => {
    const logger = createLogger({ write: () => {} }, 'fatal');
    const context = { reaper: new Reaper(logger), logger, uevents: sysfs, config: { hotplugTimeoutMs: 20 } };
    sysfs.disk('devices/pci0000:00/0000:00:02.0/virtio1', 'vdb', '253:16');
    sysfs.disk('bus/scsi/devices/1:0:2:3', 'sda', '8:0');
    sysfs.disk('devices/virtual/pmem0', 'pmem0', '259:0');
    const disks = new BlockDevices(context, sysfs.roots);
    const devices = [
      device({ type: 'blk', id: '02', vm_path: '/dev/vdz', container_path: '/a' }),
      device({ type: 'mmioblk', vm_path: '/dev/vdb', container_path: '/b' }),
      device({ type: 'scsi', id: '2:3', container_path: '/c' }),
      device({ type: 'nvdimm', vm_path: '/dev/pmem0', container_path: '/d' }),
      device({ type: 'blk', vm_path: '/dev/vdb', container_path: '/e' }),
    ];
    const found = await findDevices(devices, disks);
    expect(found.map(({ containerPath, device: { major, minor } }) => [containerPath, major, minor])).toEqual([
      ['/a', 253, 16],
      ['/b', 253, 16],
      ['/c', 8, 0],
      ['/d', 259, 0],
      ['/e', 253, 16],
    ]);
    const absent = device({ type: 'mmioblk', vm_path: '/dev/vdx', container_path: '/x' });
    await expect(findDevices([absent], disks)).rejects.toThrow('Timeout after 0.02s');
  });
});

describe('withGuestDevices', () => {
  it("puts the guest's numbers for the host's, all at once, in nodes and rules", () => {
    const path = '/dev/whatever';
    const found = [
      // The guest's number of the first is the host's of the second.
      { containerPath: '/dev/x', device: { path, major: 8, minor: 16 } },
      { containerPath: '/dev/y', device: { path, major: 253, minor: 1_048_575 } },
    ];
    const before = grpc.Spec.encode(NODES).finish();
    const { Linux: linux } = withGuestDevices(NODES, found);
    const numbers = (given: readonly Pick<grpc.LinuxDevice, 'Type' | 'Major' | 'Minor'>[] | undefined): string[] =>
      (given ?? []).map(({ Type, Major, Minor }) => `${Type} ${Major}:${Minor}`);
    expect(numbers(linux?.Devices)).toEqual(['b 8:16', 'b 253:1048575', 'c 8:0']);
    expect(numbers(linux?.Resources?.Devices)).toEqual([' 0:0', 'b 253:1048575', 'b 8:16', 'c 8:0']);
    expect(linux?.Devices[1]).toMatchObject({ FileMode: 0o600, UID: 5 });
    // What was given is as it was.
    expect(grpc.Spec.encode(NODES).finish()).toEqual(before);
  });
});
