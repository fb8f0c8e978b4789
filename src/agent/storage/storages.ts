/** All storages of the sandbox, and how many use each of them. */

import { KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import { umountByChild } from '../process/mount-command.ts';
import { Mutex } from '../process/mutex.ts';
import { bind } from './bind.ts';
import type { Prepared, StorageContext, StorageDriver } from './driver.ts';
import { ephemeral } from './ephemeral.ts';
import { local } from './local.ts';
import { SHARE_DEADLINE_MS } from './mount-point.ts';
import { virtioFs } from './virtio-fs.ts';

const DRIVERS: ReadonlyMap<string, StorageDriver> = new Map(
  [bind, ephemeral, local, virtioFs].map((driver) => [driver.name, driver]),
);

/** Those that mount something, and those whose content comes from elsewhere: it may be large, and others see it too. */
const MOUNTING: ReadonlySet<StorageDriver> = new Set([bind, ephemeral, virtioFs]);
const FOREIGN: ReadonlySet<StorageDriver> = new Set([bind, virtioFs]);

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
  for (const field of MOUNTING.has(driver) ? (['source', 'fstype'] as const) : []) {
    if (storage[field] === '') {
      throw new KataError('ERR_INTERNAL', `storages.${field} of ${storage.mount_point} is empty`);
    }
  }
  if (storage.fs_group && FOREIGN.has(driver)) {
    throw new KataError('ERR_UNIMPLEMENTED', `storages.fs_group is not supported with the driver ${driver.name}`);
  }
  return driver;
}

/** Storages by their mount points. One that several containers name is made once. */
export class Storages {
  readonly #entries = new Map<string, Entry>();
  readonly #mutex = new Mutex();
  readonly #context: StorageContext;

  constructor(context: StorageContext) {
    this.#context = context;
  }

  /**
   * Makes storages available, in their order; the order matters, since one may be mounted upon another.
   * @returns the mount points, to be given to {@link release} once by each user.
   * @throws KataError of the first that fails; all that this call made or counted is undone then.
   */
  async acquire(storages: readonly grpc.Storage[]): Promise<readonly string[]> {
    return await this.#mutex.run(async () => {
      const acquired: string[] = [];
      try {
        for (const storage of storages) {
          await this.#acquireOne(storage);
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

  async #acquireOne(storage: grpc.Storage): Promise<void> {
    const { mount_point: target, shared } = storage;
    const present = this.#entries.get(target);
    if (present !== undefined) {
      present.users += 1;
      return;
    }
    const prepared = await checkStorage(storage).prepare(storage, this.#context);
    this.#entries.set(target, { users: 1, prepared, shared });
  }

  /** As if the storages had never been asked for: what was made for them goes, whatever it is. */
  async #undo(mountPoints: readonly string[]): Promise<void> {
    for (const target of mountPoints.toReversed()) {
      const entry = this.#entries.get(target);
      if (entry !== undefined && this.#dropUser(target, entry) && entry.prepared.kind === 'mounted') {
        await this.#unmount(target);
      }
    }
  }

  async #releaseAll(mountPoints: readonly string[]): Promise<void> {
    for (const target of mountPoints.toReversed()) {
      const entry = this.#entries.get(target);
      if (entry === undefined || entry.shared || !this.#dropUser(target, entry)) continue;
      if (entry.prepared.kind === 'mounted' && !entry.prepared.persistent) await this.#unmount(target);
    }
  }

  /** @returns whether that was the last one. */
  #dropUser(target: string, entry: Entry): boolean {
    entry.users -= 1;
    if (entry.users > 0) return false;
    this.#entries.delete(target);
    return true;
  }

  async #unmount(target: string): Promise<void> {
    try {
      await umountByChild(this.#context.reaper, target, { lazy: false, deadlineMs: SHARE_DEADLINE_MS });
    } catch (error) {
      this.#context.logger.warn({ error, 'mount-point': target }, 'storage not unmounted');
    }
  }
}
