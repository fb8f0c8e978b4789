/** The directory from which the runtime makes a container. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { MNT_DETACH, UMOUNT_NOFOLLOW, umount2 } from '../../linux/mount.ts';
import { hasErrno } from '../../wire/error.ts';
import { readMountTable } from '../boot/mount-table.ts';
import { mountByChild } from '../process/mount-command.ts';
import type { Reaper } from '../process/reaper.ts';
import { BASE } from '../sandbox/paths.ts';
import { type Json, toJson } from './oci-spec/json.ts';

/** The source of the bind lies on the share, which may not answer (ms). */
const BIND_DEADLINE_MS = 15_000;
/** Arguments and environment may hold secrets. */
const CONFIG_MODE = 0o600;

/** A container's own directory. */
export class Bundle {
  readonly path: string;

  /** @param id a container id that was checked. */
  constructor(id: string) {
    this.path = `${BASE}/${id}`;
  }

  /** Where the root file system is seen. */
  get rootfs(): string {
    return `${this.path}/rootfs`;
  }

  /**
   * Makes the directory and its root file system: a bind of `root`, not of what is mounted below that. A root that a
   * storage has put there before is kept.
   * @throws KataError ERR_COMMAND naming the root that is missing; ERR_DEADLINE; ERR_SYSCALL.
   */
  async make(reaper: Reaper, root: string): Promise<void> {
    if (existsSync(this.rootfs)) return;
    mkdirSync(this.rootfs, { recursive: true });
    await mountByChild(reaper, {
      source: root,
      target: this.rootfs,
      fstype: 'none',
      options: ['bind'],
      deadlineMs: BIND_DEADLINE_MS,
    });
  }

  /** Writes the specification. @throws KataError for what JSON or C cannot hold; ERR_SYSCALL. */
  writeConfig(config: Json): void {
    writeFileSync(`${this.path}/config.json`, toJson(config), { mode: CONFIG_MODE });
  }

  /**
   * Removes the directory. What is mounted below it is detached before: nothing that belongs to somebody else is ever
   * deleted. Detaching never waits for the share, since other mounts of it stay.
   * @throws KataError ERR_SYSCALL; the directory is then still there.
   */
  async remove(): Promise<void> {
    for (const target of this.#mounts()) umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
    this.#removeMountPoint();
    await rm(this.path, { recursive: true, force: true });
  }

  /**
   * A bind that we gave up, since the share did not answer, may be made at any time. rmdir never takes a mount point
   * (EBUSY); with the directory gone, there is nothing left to bind to.
   */
  #removeMountPoint(): void {
    try {
      rmdirSync(this.rootfs);
    } catch (error) {
      // ENOTEMPTY: a storage has put files there, which are the container's own.
      if (!hasErrno(error, 'ENOENT', 'ENOTEMPTY')) throw error;
    }
  }

  /** Mount points in the directory, the latest first. */
  #mounts(): readonly string[] {
    const table = readMountTable();
    return table
      .map(({ target }) => target)
      .filter((target) => target.startsWith(`${this.path}/`))
      .reverse();
  }
}
