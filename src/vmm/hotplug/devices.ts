/** Devices that are added to a running machine, and taken back. */
import { statSync } from 'node:fs';
import type { DiskDevice, NetDevice } from '../config/device-config.ts';
import { blockNode, blockNodeOf, deviceProperties, netBackend, netBackendOf } from '../machine/device-properties.ts';
import type { PlacedDevice } from '../machine/device-table.ts';
import type { RunningMachine } from '../machine/running-machine.ts';

/** Adds a device; where that fails nothing of it is left. @throws KataError ERR_COMMAND as QEMU says. */
export async function plugDevice(machine: RunningMachine, placed: PlacedDevice): Promise<void> {
  const { device } = placed;
  if (device.kind === 'disk') await addBlockNode(machine, placed, device);
  if (device.kind === 'net') await addNetBackend(machine, placed, device);
  try {
    await machine.execute('device_add', deviceProperties(placed));
  } catch (error) {
    await removeBackend(machine, placed).catch(() => {});
    throw error;
  }
}

/** Takes a device back once the guest has let go of it. @throws KataError ERR_DEADLINE where it does not. */
export async function unplugDevice(machine: RunningMachine, placed: PlacedDevice): Promise<void> {
  await machine.unplug(placed.name);
  await removeBackend(machine, placed);
}

async function addBlockNode(machine: RunningMachine, placed: PlacedDevice, disk: DiskDevice): Promise<void> {
  await machine.execute('blockdev-add', { ...blockNode(placed, disk, statSync(disk.path).isBlockDevice()) });
}

async function addNetBackend(machine: RunningMachine, placed: PlacedDevice, net: NetDevice): Promise<void> {
  const fds = net.tap.is === 'descriptors' ? net.tap.fds : [];
  const nameOf = (fd: number): string => `${placed.name}-fd${fds.indexOf(fd)}`;
  for (const fd of fds) await machine.execute('getfd', { fdname: nameOf(fd) }, [fd]);
  await machine.execute('netdev_add', netBackend(placed, net, nameOf));
}

async function removeBackend(machine: RunningMachine, placed: PlacedDevice): Promise<void> {
  if (placed.device.kind === 'disk') await machine.execute('blockdev-del', { 'node-name': blockNodeOf(placed) });
  if (placed.device.kind === 'net') await machine.execute('netdev_del', { id: netBackendOf(placed) });
}
