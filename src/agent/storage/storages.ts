/** All storages of the sandbox, and how many use each of them. */

import { KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import { BlockDevices } from '../device/block-devices.ts';
import { Mutex } from '../process/mutex.ts';
import { bind } from './bind.ts';
import { blk, mmioblk, nvdimm, scsi } from './block.ts';
import type { Prepared, StorageContext, StorageDriver, StorageRuntime } from './driver.ts';
import { ephemeral, updateEphemeral } from './ephemeral.ts';
import { local } from './local.ts';
import { Mirrors } from './mirrors.ts';
import { unmountStorage } from './mount-storage.ts';
import { overlayfs } from './overlayfs.ts';
import { virtioFs } from './virtio-fs.ts';
import { watchableBind } from './watchable-bind.ts';

const DRIVERS: ReadonlyMap<string, StorageDriver> = new Map(
  [bind, blk, ephemeral, local, mmioblk, nvdimm, overlayfs, scsi, virtioFs, watchableBind].map((driver) => [
    driver.name,
    driver,
  ]),
);

/** Names of the drivers that there are. */
export const STORAGE_DRIVERS: readonly string[] = [...DRIVERS.keys()];

interface Entry {
  users: number;
  readonly prepared: Prepared;
  /** The request wants it kept until the sandbox ends. */
  readonly shared: boolean;
}

function checkStorage(storage: grpc.Storage): StorageDriver {
  const driver = DRIVERS.get(storage.driver);
  if (driver === undefined) {
    throw new KataError('ERR_INTERNAL', `Failed to find the storage handler ${storage.driver}`);
  }
  // A relative path would be one below wherever the agent happens to be.
  if (!storage.mount_point.startsWith('/')) {
    throw new KataError('ERR_INTERNAL', `storages.mount_point: "${storage.mount_point}" is not absolute`);
  }
  for (const field of driver.mounts ? (['source', 'fstype'] as const) : []) {
    if (storage[field] === '') {
      throw new KataError('ERR_INTERNAL', `storages.${field} of ${storage.mount_point} is empty`);
    }
  }
  return driver;
}

/** Storages by their mount points. One that several containers name is made once. */
export class Storages {
  readonly #entries = new Map<string, Entry>();
  readonly #mutex = new Mutex();
  readonly #context: Omit<StorageContext, 'containerId'>;

  constructor(runtime: StorageRuntime) {
    const { reaper, logger, uevents, config, files } = runtime;
    const shared = { reaper, logger, uevents, config, files };
    this.#context = { ...shared, disks: new BlockDevices(shared), mirrors: new Mirrors(shared) };
  }

  /**
   * Makes storages available, in their order; the order matters, since one may be mounted upon another.
   * @param containerId the container for which that is done; undefined for the sandbox.
   * @returns the mount points, to be given to {@link release} once by each user.
   * @throws KataError of the first that fails; all that this call made or counted is undone then.
   */
  async acquire(storages: readonly grpc.Storage[], containerId?: string): Promise<readonly string[]> {
    return await this.#mutex.run(async () => {
      const acquired: string[] = [];
      try {
        for (const storage of storages) {
          await this.#acquireOne(storage, containerId);
          acquired.push(storage.mount_point);
        }
        return acquired;
      } catch (error) {
        await this.#undo(acquired);
        throw error;
      }
    });
  }

  /** Undoes an {@link acquire} whose caller failed in what came after it: nothing is kept. */
  async undo(mountPoints: readonly string[]): Promise<void> {
    await this.#mutex.run(() => this.#undo(mountPoints));
  }

  /** Gives storages back. What nobody uses any more is unmounted; a failure of that is logged. */
  async release(mountPoints: readonly string[]): Promise<void> {
    await this.#mutex.run(() => this.#releaseAll(mountPoints));
  }

  /**
   * Changes storages in the guest's memory that are mounted, such as to another size.
   * @throws KataError (INTERNAL on the wire) for one of another driver, or one that is not mounted; those before it are
   *   changed then.
   */
  async update(storages: readonly grpc.Storage[]): Promise<void> {
    await this.#mutex.run(async () => {
      for (const storage of storages) await updateEphemeral(storage, this.#context.reaper);
    });
  }

  async #acquireOne(storage: grpc.Storage, containerId: string | undefined): Promise<void> {
    const { mount_point: target, shared } = storage;
    const present = this.#entries.get(target);
    if (present !== undefined) {
      present.users += 1;
      return;
    }
    const prepared = await checkStorage(storage).prepare(storage, { ...this.#context, containerId });
    this.#entries.set(target, { users: 1, prepared, shared });
  }

  /** As if the storages had never been asked for: what was made for them goes, whatever it is. */
  async #undo(mountPoints: readonly string[]): Promise<void> {
    for (const target of mountPoints.toReversed()) {
      const entry = this.#entries.get(target);
      if (entry !== undefined && this.#dropUser(target, entry)) await this.#takeBack(target, entry);
    }
  }

  async #releaseAll(mountPoints: readonly string[]): Promise<void> {
    for (const target of mountPoints.toReversed()) {
      const entry = this.#entries.get(target);
      if (entry === undefined || entry.shared || !this.#dropUser(target, entry)) continue;
      if (entry.prepared.kind !== 'mounted' || !entry.prepared.persistent) await this.#takeBack(target, entry);
    }
  }

  /** @returns whether that was the last one. */
  #dropUser(target: string, entry: Entry): boolean {
    entry.users -= 1;
    if (entry.users > 0) return false;
    this.#entries.delete(target);
    return true;
  }

  async #takeBack(target: string, { prepared }: Entry): Promise<void> {
    switch (prepared.kind) {
      case 'nothing':
        return;
      case 'mounted':
        return await unmountStorage(this.#context, target);
      case 'mirrored':
        return await this.#context.mirrors.remove(target);
    }
  }
}
