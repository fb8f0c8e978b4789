/**
 * Content-addressed store of build stages. An entry is a directory named by the hash of everything that it was made
 * from; it is made aside and renamed into place, so an entry that exists is whole.
 */
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno } from '../../src/wire/error.ts';

/** Entries kept of a stage, so that going back to an earlier state of the sources needs no build. */
const KEPT_ENTRIES = 3;

/** Something half-made that is older was left by a build that was killed. */
const ABANDONED_MS = 60 * 60 * 1000;

/** How often a build that waits for another one looks again. */
const LOCK_POLL_MS = 200;

const HALF_MADE = '.half-made-';

/** Hash of named inputs, as the key of an entry. The same pairs in the same order give the same key. */
export function stageKey(inputs: Iterable<readonly [name: string, value: string | Uint8Array]>): string {
  const hash = createHash('sha256');
  for (const [name, value] of inputs) {
    // Lengths, so that two lists of pairs never run together into the same bytes.
    hash.update(`${name.length}:${name}=${value.length}:`).update(value);
  }
  return hash.digest('hex').slice(0, 32);
}

/** A stage's result. */
export interface StageResult {
  /** Directory with what the stage made. */
  readonly directory: string;
  readonly wasCached: boolean;
}

/** The store. */
export class StageCache {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /**
   * The entry of that key, made by `make` where it does not exist.
   * @param make fills the empty directory that it is given; where it fails nothing is kept.
   */
  async entry(stage: string, key: string, make: (directory: string) => Promise<void>): Promise<StageResult> {
    const directory = join(this.directory, stage, key);
    if (existsSync(directory)) {
      const now = new Date();
      await utimes(directory, now, now); // what is used is not what pruning takes
      return { directory, wasCached: true };
    }
    const aside = join(this.directory, stage, HALF_MADE + randomBytes(6).toString('hex'));
    await mkdir(aside, { recursive: true });
    try {
      await make(aside);
      await rename(aside, directory);
    } catch (error) {
      await rm(aside, { recursive: true, force: true });
      // Another build, one that the lock does not see, made the same in the meantime.
      if (!(hasErrno(error, 'ENOTEMPTY', 'EEXIST') && existsSync(directory))) throw error;
    }
    return { directory, wasCached: false };
  }

  /** Removes what was not used for longest, and what killed builds left. */
  async prune(stages: readonly string[]): Promise<void> {
    for (const stage of stages) {
      const parent = join(this.directory, stage);
      const names = await readdir(parent).catch(() => []);
      const entries = await Promise.all(
        names.map(async (name) => ({ name, usedMs: (await stat(join(parent, name))).mtimeMs })),
      );
      const whole = entries.filter(({ name }) => !name.startsWith(HALF_MADE));
      const old = whole.toSorted((a, b) => b.usedMs - a.usedMs).slice(KEPT_ENTRIES);
      const abandoned = entries.filter(
        ({ name, usedMs }) => name.startsWith(HALF_MADE) && usedMs < Date.now() - ABANDONED_MS,
      );
      for (const { name } of [...old, ...abandoned]) await rm(join(parent, name), { recursive: true, force: true });
    }
  }

  /**
   * Runs `work` while no other build of this user uses the store.
   * @param onWait called once where another build is running.
   */
  async exclusively<T>(work: () => Promise<T>, onWait: () => void): Promise<T> {
    const lock = await this.#lock(onWait);
    try {
      return await work();
    } finally {
      lock.close();
    }
  }

  /** An abstract socket is a lock that the kernel takes back when its holder dies, so none is ever stale. */
  async #lock(onWait: () => void): Promise<Server> {
    const id = createHash('sha256').update(`${process.getuid?.()}:${this.directory}`).digest('hex').slice(0, 16);
    for (let waited = false; ; waited = true) {
      const server = await listen(`\0kata-agent-ts-build-${id}`);
      if (server !== undefined) return server;
      if (!waited) onWait();
      await sleep(LOCK_POLL_MS);
    }
  }
}

/** A server on that path, or undefined where another process has it. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', (error) => (hasErrno(error, 'EADDRINUSE') ? resolve(undefined) : reject(error)));
    server.listen(path, () => resolve(server));
    server.unref();
  });
}
