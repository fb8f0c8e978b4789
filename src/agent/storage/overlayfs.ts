/** Storages that are several layers on one another. */
import { mkdirSync } from 'node:fs';
import { KataError } from '../../wire/error.ts';
import { BASE } from '../sandbox/paths.ts';
import type { StorageDriver } from './driver.ts';
import { makeDirectory, SHARE_DEADLINE_MS } from './mount-point.ts';
import { isMounted, mountStorage } from './mount-storage.ts';
import { kernelOptions, optionValue } from './options.ts';

/** Asks for a layer that can be written to, in the memory of the guest. */
const WRITABLE = 'io.katacontainers.fs-opt.overlay-rw';
/** Names a directory that is to be there before the mount. */
const CREATE_DIRECTORY = 'io.katacontainers.volume.overlayfs.create_directory';

/** Makes the layer of a container, which goes with the container's directory. */
function writableLayer(containerId: string | undefined, target: string): readonly string[] {
  if (containerId === undefined) {
    throw new KataError('ERR_INTERNAL', `storages.options of ${target}: ${WRITABLE} needs a container`);
  }
  const [upper, work] = [`${BASE}/${containerId}/upper`, `${BASE}/${containerId}/work`];
  for (const directory of [upper, work]) mkdirSync(directory, { recursive: true });
  return [`upperdir=${upper}`, `workdir=${work}`];
}

/** Mounts layers. */
export const overlayfs: StorageDriver = {
  name: 'overlayfs',
  mounts: true,
  async prepare(storage, context) {
    const { mount_point: target, options, source } = storage;
    const given = kernelOptions(options);
    const writable = options.includes(WRITABLE);
    const fstype = writable ? 'overlay' : storage.fstype;
    if (isMounted(storage, fstype)) return { kind: 'nothing' };
    const layer = writable ? writableLayer(context.containerId, target) : [];
    const wanted = optionValue(storage.driver_options, CREATE_DIRECTORY);
    if (wanted !== undefined) await makeDirectory(context.reaper, wanted);
    const mount = { source, fstype, options: [...given, ...layer], deadlineMs: SHARE_DEADLINE_MS };
    await mountStorage(storage, mount, context);
    return { kind: 'mounted', persistent: false };
  },
};
