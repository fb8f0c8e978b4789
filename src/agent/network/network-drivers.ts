/** Drivers of network devices that nobody has loaded: a guest has no udev. */
import { existsSync, readFileSync } from 'node:fs';
import { hasErrno } from '../../wire/error.ts';
import { namesIn } from '../device/pci-path.ts';
import type { Logger } from '../log/logger.ts';
import { MODPROBE, runModprobe } from '../process/modprobe.ts';
import type { Reaper } from '../process/reaper.ts';

/** Where the kernel shows its devices, and what loads a driver. */
export interface DriverRoots {
  readonly sys: string;
  readonly modprobe: string;
}

const ROOTS: DriverRoots = { sys: '/sys', modprobe: MODPROBE };
const BUSES = ['virtio', 'pci'];

/** What such a device calls its driver: virtio's kind 1, or PCI's class 2 (linux/virtio_ids.h, linux/pci_ids.h). */
const NETWORK_ALIAS = /^(virtio:d00000001v|pci:v[\dA-F]{8}d[\dA-F]{8}sv[\dA-F]{8}sd[\dA-F]{8}bc02)[\da-zA-Z]*$/;

/** Loads them, for one who waits for an interface. */
export class NetworkDrivers {
  readonly #reaper: Reaper;
  readonly #logger: Logger;
  readonly #roots: DriverRoots;
  readonly #tried = new Set<string>();

  constructor({ reaper, logger }: { readonly reaper: Reaper; readonly logger: Logger }, roots: DriverRoots = ROOTS) {
    this.#reaper = reaper;
    this.#logger = logger;
    this.#roots = roots;
  }

  /**
   * Starts to load the drivers of network devices that have none, each once; does not wait for it. A failure is logged:
   * the one who waits learns that no interface came.
   */
  loadMissing(): void {
    for (const bus of BUSES) {
      const devices = `${this.#roots.sys}/bus/${bus}/devices`;
      for (const name of namesIn(devices)) {
        const device = `${devices}/${name}`;
        if (this.#tried.has(device) || existsSync(`${device}/driver`)) continue;
        const alias = aliasOf(device);
        if (alias === undefined) continue;
        this.#tried.add(device);
        void this.#load(alias);
      }
    }
  }

  async #load(alias: string): Promise<void> {
    try {
      const { status, stderr } = await runModprobe(this.#reaper, [alias], this.#roots.modprobe);
      this.#logger.info({ alias, status, stderr: stderr.toString('utf8').trim() }, 'driver of a network device');
    } catch (error) {
      this.#logger.warn({ alias, error }, 'the driver of a network device cannot be loaded');
    }
  }
}

/** Undefined for a device of another kind, and for one that has just gone. */
function aliasOf(device: string): string | undefined {
  try {
    const alias = readFileSync(`${device}/modalias`, 'utf8').trim();
    return NETWORK_ALIAS.test(alias) ? alias : undefined;
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}
