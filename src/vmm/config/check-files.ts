/** What a request names on the host: files must be there and be of the right kind, sockets must lie where they belong. */
import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { KataError } from '../../wire/error.ts';
import type { DiskDevice, FsDevice, NetDevice, VfioDevice } from './device-config.ts';
import type { VmConfig } from './vm-config.ts';

/** Checks a whole machine. @throws KataError ERR_INVALID_ARGUMENT, naming field and path. */
export function checkMachineFiles(config: VmConfig, runDirectory: string): void {
  requireFile('kernel', config.kernel);
  if (config.initramfs !== undefined) requireFile('initramfs', config.initramfs);
  for (const { file } of config.pmems) requireFile('pmem.file', file);
  if (config.vsock !== undefined) requireInside('vsock.socket', config.vsock.socket, runDirectory);
  for (const device of config.devices) checkDeviceFiles(device, runDirectory);
}

/** Checks one device. @throws KataError ERR_INVALID_ARGUMENT, naming field and path. */
export function checkDeviceFiles(device: DiskDevice | NetDevice | FsDevice | VfioDevice, runDirectory: string): void {
  switch (device.kind) {
    case 'disk':
      requireDisk(device.path);
      return;
    case 'fs':
      requireInside('fs.socket', device.socket, runDirectory);
      return;
    case 'vfio':
      requireThere('device.path', device.path);
      return;
    case 'net':
      return;
  }
}

function requireThere(field: string, path: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    throw new KataError('ERR_INVALID_ARGUMENT', `${field} ${path}: ${KataError.from(cause).errno}`, { cause });
  }
}

function requireFile(field: string, path: string): void {
  const found = requireThere(field, path);
  if (!found.isFile()) throw new KataError('ERR_INVALID_ARGUMENT', `${field} ${path} is not a file`);
  if (found.size === 0) throw new KataError('ERR_INVALID_ARGUMENT', `${field} ${path} is empty`);
}

function requireDisk(path: string): void {
  const found = requireThere('disk.path', path);
  if (found.isFile() || found.isBlockDevice()) return;
  throw new KataError('ERR_INVALID_ARGUMENT', `disk.path ${path} is neither a file nor a block device`);
}

/** A socket elsewhere could be one of somebody else, and would not go with the sandbox. */
function requireInside(field: string, path: string, directory: string): void {
  if (dirname(path) === directory || dirname(path).startsWith(`${directory}/`)) return;
  throw new KataError('ERR_INVALID_ARGUMENT', `${field} ${path} is outside of ${directory}, where the API's socket is`);
}
