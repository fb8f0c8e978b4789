/** What the agent tells of itself and of its guest, in the text format of Prometheus. */
import { readFileSync } from 'node:fs';
import type { Logger } from '../log/logger.ts';
import { agentFamilies } from './agent-families.ts';
import type { Family } from './family.ts';
import { FilesystemProbe, filesystemFamilies, type MountUsage } from './filesystems.ts';
import { guestFamilies } from './guest-families.ts';
import { renderFamilies } from './render.ts';

/** The agent's metrics. */
export class Metrics {
  readonly #logger: Logger;
  readonly #filesystems = new FilesystemProbe();
  #scrapes = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** All of them now. What cannot be read is left out: a client that is refused asks no more. */
  async text(): Promise<string> {
    this.#scrapes += 1;
    const scrapes = this.#scrapes;
    const found = await this.#filesystems.look();
    return await renderFamilies(this.#families(found), scrapes);
  }

  *#families(found: readonly MountUsage[]): Generator<Family> {
    yield* agentFamilies({
      stat: this.#read('self/stat'),
      status: this.#read('self/status'),
      io: this.#read('self/io'),
    });
    yield* guestFamilies({
      loadavg: this.#read('loadavg'),
      stat: this.#read('stat'),
      vmstat: this.#read('vmstat'),
      netDev: this.#read('net/dev'),
      diskstats: this.#read('diskstats'),
      meminfo: this.#read('meminfo'),
    });
    yield* filesystemFamilies(found);
  }

  #read(file: string): string {
    try {
      return readFileSync(`/proc/${file}`, 'utf8');
    } catch (error) {
      this.#logger.debug({ error }, 'metrics: a file is left out');
      return '';
    }
  }
}
