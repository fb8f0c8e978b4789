import { describe, expect, it } from 'vitest';
import { refuseDevices } from '../../../../src/agent/container/devices.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';

const device = (more: grpc.Device.$Properties): grpc.Device => grpc.Device.decode(grpc.Device.encode(more).finish());

describe('refuseDevices', () => {
  it('takes none', () => {
    expect(() => refuseDevices([])).not.toThrow();
  });

  it.each([
    [{ type: 'blk', id: '02', container_path: '/dev/x' }, 12, 'devices of type blk are not supported'],
    [{ type: 'floppy', id: '02', container_path: '/dev/x' }, 13, 'devices.type: "floppy"'],
    [{ type: 'blk', container_path: '/dev/x' }, 13, 'devices.id'],
    [{ type: 'blk', vm_path: '/dev/vda' }, 13, 'devices.container_path'],
  ])('refuses %j', (given, status, text) => {
    expect(() => refuseDevices([device(given)])).toThrow(expect.objectContaining({ status }));
    expect(() => refuseDevices([device(given)])).toThrow(text);
  });
});
