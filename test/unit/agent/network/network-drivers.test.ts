import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { NetworkDrivers } from '../../../../src/agent/network/network-drivers.ts';
import { eventually } from '../../../../src/agent/process/delay.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { FakeSysfs } from '../device/fake-sysfs.ts';

const VIRTIO_NET = 'virtio:d00000001v00001AF4';
const PCI_NIC = 'pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00';
/** Only stops a hang (ms). */
const LIMIT_MS = 20_000;

/** Runs `use` with devices of its own, and with what the search logs. */
async function withDevices(use: (sysfs: FakeSysfs, log: string[], reaper: Reaper) => Promise<void>): Promise<void> {
  const log: string[] = [];
  const sysfs = new FakeSysfs();
  const reaper = new Reaper(createLogger({ write: () => {} }, 'fatal'));
  reaper.start();
  try {
    await use(sysfs, log, reaper);
  } finally {
    reaper.stop();
    sysfs.remove();
  }
}

const loggerTo = (log: string[]) => createLogger({ write: (line: string) => void log.push(line) }, 'warn');

describe('NetworkDrivers', () => {
  it('loads the drivers of network devices that have none, each once', async () => {
    await withDevices(async (sysfs, log, reaper) => {
      const asked = join(sysfs.roots.dev, 'asked');
      const modprobe = join(sysfs.roots.dev, 'modprobe');
      writeFileSync(asked, '');
      writeFileSync(modprobe, `#!/bin/sh\necho "$@" >>${asked}\n`, { mode: 0o755 });
      sysfs.file('bus/virtio/devices/virtio0/modalias', `${VIRTIO_NET}\n`);
      sysfs.file('bus/virtio/devices/virtio1/modalias', 'virtio:d00000002v00001AF4\n');
      sysfs.file('bus/virtio/devices/virtio2/modalias', `${VIRTIO_NET}\n`);
      sysfs.directory('bus/virtio/devices/virtio2/driver');
      sysfs.file('bus/pci/devices/0000:00:02.0/modalias', `${PCI_NIC}\n`);
      sysfs.file('bus/pci/devices/0000:00:03.0/modalias', `${PCI_NIC.replace('bc02', 'bc01')}\n`);
      sysfs.directory('bus/pci/devices/0000:00:04.0');
      const drivers = new NetworkDrivers({ reaper, logger: loggerTo(log) }, { sys: sysfs.roots.sys, modprobe });
      const lines = () => readFileSync(asked, 'utf8').split('\n').filter(Boolean).sort();
      drivers.loadMissing();
      drivers.loadMissing();
      await eventually(() => lines().length >= 2, LIMIT_MS);
      expect(lines()).toEqual([PCI_NIC, VIRTIO_NET]);
      // One more device: only its driver is asked for.
      sysfs.file('bus/virtio/devices/virtio3/modalias', `${VIRTIO_NET}\n`);
      drivers.loadMissing();
      await eventually(() => lines().length >= 3, LIMIT_MS);
      expect(lines()).toEqual([PCI_NIC, VIRTIO_NET, VIRTIO_NET]);
    });
  });

  it('does nothing where there is no such bus, and logs that there is no program', async () => {
    await withDevices(async (sysfs, log, reaper) => {
      const drivers = new NetworkDrivers({ reaper, logger: loggerTo(log) }, { ...sysfs.roots, modprobe: '/none' });
      drivers.loadMissing();
      sysfs.file('bus/virtio/devices/virtio0/modalias', `${VIRTIO_NET}\n`);
      drivers.loadMissing();
      await eventually(() => log.length > 0, LIMIT_MS);
      expect(log.join('')).toMatch(/"alias":"virtio:d00000001v00001AF4".*ENOENT/);
    });
  });
});
