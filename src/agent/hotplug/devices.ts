/**
 * Processors and blocks of memory that were plugged in and are not in use yet; kernel,
 * Documentation/ABI/testing/sysfs-devices-memory and sysfs-devices-system-cpu.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { hasErrno } from '../../wire/error.ts';
import type { Logger } from '../log/logger.ts';
import { Mutex } from '../process/mutex.ts';
import type { UeventListener } from '../process/uevents.ts';

/** Where the kernel shows both kinds. */
export const SYSTEM_DEVICES = '/sys/devices/system';

const NAMES = { cpu: /^cpu\d+$/, memory: /^memory\d+$/ } as const;

/**
 * All devices of one kind. The kernel takes its time to put one to use, and one that fails can keep it for long: none of
 * it is done by the main thread, and only one at a time, so that no more than one of Node's few threads can be held up.
 */
export class HotplugDevices {
  readonly #kind: 'cpu' | 'memory';
  readonly #logger: Logger;
  readonly #directory: string;
  readonly #mutex = new Mutex();
  #follows = false;

  constructor(kind: 'cpu' | 'memory', logger: Logger, root = SYSTEM_DEVICES) {
    this.#kind = kind;
    this.#logger = logger;
    this.#directory = `${root}/${kind}`;
  }

  /** Puts all to use that are there. Never rejects: one that cannot be used is logged, and left to the next time. */
  onlineAll(): Promise<void> {
    return this.#mutex.run(async () => {
      for (const name of await this.#names()) await this.#online(name);
    });
  }

  /**
   * From now on, puts each to use that appears. Does nothing the second time.
   * @param onOnline called after each.
   */
  follow(uevents: Pick<UeventListener, 'subscribe'>, onOnline: () => void = () => {}): void {
    if (this.#follows) return;
    this.#follows = true;
    const inDirectory = `/devices/system/${this.#kind}/`;
    uevents.subscribe(({ action, devpath }) => {
      if (action !== 'add' || !devpath.startsWith(inDirectory)) return;
      const name = devpath.slice(inDirectory.length);
      if (NAMES[this.#kind].test(name)) void this.#mutex.run(() => this.#online(name)).then(onOnline);
    });
  }

  async #names(): Promise<readonly string[]> {
    try {
      return (await readdir(this.#directory)).filter((name) => NAMES[this.#kind].test(name));
    } catch (error) {
      // A kernel that cannot plug in memory has no such directory.
      if (!hasErrno(error, 'ENOENT')) this.#logger.warn({ error }, `${this.#kind}: cannot be looked for`);
      return [];
    }
  }

  async #online(name: string): Promise<void> {
    const file = `${this.#directory}/${name}/online`;
    try {
      if ((await readFile(file, 'utf8')).trim() !== '0') return;
      await writeFile(file, '1', { flag: 'r+' });
      this.#logger.info({ device: name }, 'plugged in');
    } catch (error) {
      // A first processor that must stay has no such file.
      if (!hasErrno(error, 'ENOENT')) this.#logger.warn({ error, device: name }, 'cannot be put to use');
    }
  }
}
