import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDeviceFiles, checkMachineFiles } from '../../../../src/vmm/config/check-files.ts';
import { diskDevice, fsDevice, vfioDevice } from '../../../../src/vmm/config/device-config.ts';
import { vmConfig } from '../../../../src/vmm/config/vm-config.ts';
import { makePlaces, smallVm } from '../fixture.ts';

describe('checkMachineFiles()', () => {
  it('takes files that are there, and sockets beside that of the API or below', () => {
    const places = makePlaces();
    checkMachineFiles(vmConfig(smallVm(places), 'r'), places.runDirectory);
    const below = { cid: 3, socket: join(places.runDirectory, 'sub/v.sock') };
    checkMachineFiles(vmConfig({ ...smallVm(places), vsock: below }, 'r'), places.runDirectory);
  });

  it.each([
    [{ payload: { kernel: '/no/such' } }, 'kernel /no/such: ENOENT'],
    [{ payload: { kernel: '/dev/null' } }, 'kernel /dev/null is not a file'],
    [{ vsock: { cid: 3, socket: '/run/other.sock' } }, 'vsock.socket /run/other.sock is outside of'],
    [{ pmem: [{ file: '/tmp' }] }, 'pmem.file /tmp is not a file'],
  ])('refuses %j', (change, message) => {
    const places = makePlaces();
    const config = vmConfig({ ...smallVm(places), ...change }, 'r');
    expect(() => checkMachineFiles(config, places.runDirectory)).toThrow(message);
  });

  it('refuses a file without anything in it, and a directory whose name only begins like the right one', () => {
    const places = makePlaces();
    writeFileSync(places.kernel, '');
    expect(() => checkMachineFiles(vmConfig(smallVm(places), 'r'), places.runDirectory)).toThrow('is empty');
    const twin = `${places.runDirectory}-twin`;
    mkdirSync(twin);
    const fs = fsDevice({ tag: 't', socket: join(twin, 'fs.sock') }, 'r');
    expect(() => checkDeviceFiles(fs, places.runDirectory)).toThrow('outside');
  });
});

describe('checkDeviceFiles()', () => {
  it.each([
    [diskDevice({ path: '/dev/null' }, 'r'), 'disk.path /dev/null is neither a file nor a block device'],
    [diskDevice({ path: '/no/such' }, 'r'), 'disk.path /no/such: ENOENT'],
    [vfioDevice({ path: '/sys/no/such' }, 'r'), 'device.path /sys/no/such: ENOENT'],
  ])('refuses %j', (device, message) => {
    expect(() => checkDeviceFiles(device, '/run')).toThrow(message);
  });

  it('takes a disk that is a file', () => {
    const { image } = makePlaces();
    checkDeviceFiles(diskDevice({ path: image }, 'r'), dirname(image));
  });
});
