import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BlockDevices } from '../../../../src/agent/device/block-devices.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { FakeSysfs } from './fake-sysfs.ts';

const logger = createLogger({ write: () => {} }, 'fatal');
const reaper = new Reaper(logger);
beforeAll(() => reaper.start());
afterAll(() => reaper.stop());

let sysfs: FakeSysfs;
beforeEach(() => {
  sysfs = new FakeSysfs();
});
afterEach(() => sysfs.remove());
/** A wait that is meant to end by an event has minutes; one that is meant to fail has a moment. */
const disks = (hotplugTimeoutMs = 120_000): BlockDevices =>
  new BlockDevices({ reaper, logger, uevents: sysfs, config: { hotplugTimeoutMs } }, sysfs.roots);

const SLOT = 'devices/pci0000:00/0000:00:02.0/0000:01:03.0/virtio5';
const bridge = (): void => void sysfs.directory('devices/pci0000:00/0000:00:02.0/pci_bus/0000:01');

describe('BlockDevices', () => {
  it('finds a disk that is there already, without an event', async () => {
    bridge();
    sysfs.disk(SLOT, 'vdb', '253:16');
    const found = { path: `${sysfs.roots.dev}/vdb`, major: 253, minor: 16 };
    expect(await disks().byPciPath('02/03')).toEqual(found);
    expect(await disks().byNode('/dev/vdb')).toEqual(found);
    expect(disks().present('/dev/vdb')).toEqual(found);
    expect(sysfs.subscribers).toBe(0);
  });

  it('waits for a disk that comes with its bridge', async () => {
    const found = disks().byPciPath('02/03');
    bridge();
    sysfs.tell();
    sysfs.disk(SLOT, 'vdc', '253:32');
    sysfs.tell();
    expect(await found).toMatchObject({ major: 253, minor: 32 });
    expect(sysfs.subscribers).toBe(0);
  });

  it('finds one of whose coming nobody tells', async () => {
    const found = disks().byNode('/dev/vdc');
    sysfs.disk(SLOT, 'vdc', '253:32');
    expect(await found).toMatchObject({ minor: 32 });
  });

  it('takes a disk whose node is not there for one that is still to come', async () => {
    bridge();
    sysfs.disk(SLOT, 'vdb', '253:16');
    rmSync(`${sysfs.roots.dev}/vdb`);
    await expect(disks(20).byPciPath('02/03')).rejects.toMatchObject({
      status: 13,
      message: 'Timeout after 0.02s waiting for uevent of the disk at PCI path 02/03',
    });
  });

  it('does not take another kind of device at the path for a disk', async () => {
    bridge();
    sysfs.directory('devices/pci0000:00/0000:00:02.0/0000:01:03.0/virtio5/net/eth0');
    await expect(disks(20).byPciPath('02/03')).rejects.toThrow('Timeout');
    expect(sysfs.subscribers).toBe(0);
  });

  it('has every adapter look for a SCSI disk, and finds it by id and unit', async () => {
    sysfs.file('class/scsi_host/host0/scan', '');
    sysfs.disk('bus/scsi/devices/0:0:1:12', 'sda', '8:0');
    sysfs.disk('bus/scsi/devices/0:0:11:2', 'sdb', '8:16');
    sysfs.disk('bus/scsi/devices/2:0:1:2', 'sdc', '8:32');
    sysfs.directory('bus/scsi/devices/host1');
    expect(await disks().byScsiAddress('1:2')).toMatchObject({ path: `${sysfs.roots.dev}/sdc`, minor: 32 });
    await expect(disks(300).byScsiAddress('1:3')).rejects.toThrow(
      'Timeout after 0.3s waiting for uevent of the disk at SCSI address 1:3',
    );
  });

  it('writes what is to be scanned', async () => {
    sysfs.file('class/scsi_host/host3/scan', '');
    const found = disks().byScsiAddress('0:7');
    const scan = `${sysfs.roots.sys}/class/scsi_host/host3/scan`;
    while (readFileSync(scan, 'utf8') === '') await new Promise((resolve) => setTimeout(resolve, 5));
    expect(readFileSync(scan, 'utf8')).toBe('0 0 7\n');
    sysfs.disk('bus/scsi/devices/3:0:0:7', 'sda', '8:0');
    expect(await found).toMatchObject({ major: 8 });
  });

  it.each(['', '1', '1:', ':1', '256:0', '0:16384', '-1:0', '0:0:0', '0x1:0'])(
    'refuses the address %j',
    async (text) => {
      await expect(disks().byScsiAddress(text)).rejects.toMatchObject({ status: 13 });
    },
  );

  it.each(['', 'vda', '/dev/', '/dev', '/dev/../etc/passwd', '/etc/passwd', '/dev//vda', '/dev/./vda'])(
    'refuses the node %j',
    async (path) => {
      await expect(disks().byNode(path)).rejects.toMatchObject({ status: 13 });
      await expect(disks().pmem(path)).rejects.toMatchObject({ status: 13 });
      expect(() => disks().present(path)).toThrow('is no node in /dev');
    },
  );

  it('knows nodes in directories by the name that the kernel has for them', async () => {
    sysfs.disk('devices/x', 'cciss!c0d0', '104:0');
    mkdirSync(`${sysfs.roots.dev}/cciss`);
    writeFileSync(`${sysfs.roots.dev}/cciss/c0d0`, '');
    expect(await disks().byNode('/dev/cciss/c0d0')).toMatchObject({
      path: `${sysfs.roots.dev}/cciss/c0d0`,
      major: 104,
    });
  });

  it('says of persistent memory that is not there that it is not', () => {
    expect(() => disks().present('/dev/pmem9')).toThrow('there is no block device /dev/pmem9');
  });
});
