/** Finds disks by what the host calls them, and waits for those that are still to come. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasErrno, KataError } from '../../wire/error.ts';
import type { AgentConfig } from '../config/config.ts';
import type { Logger } from '../log/logger.ts';
import { runCommand } from '../process/command.ts';
import { MODPROBE } from '../process/modprobe.ts';
import type { Reaper } from '../process/reaper.ts';
import type { UeventListener } from '../process/uevents.ts';
import { checkedPciPath, namesIn, pciDirectory } from './pci-path.ts';
import { parseScsiAddress, scsiDirectories } from './scsi-address.ts';
import { waitForDevice } from './wait.ts';

/** A disk of the guest. */
export interface BlockDevice {
  /** Its node, such as `/dev/vdb`. */
  readonly path: string;
  readonly major: number;
  readonly minor: number;
}

/** What the search works with. */
export interface DeviceContext {
  readonly reaper: Reaper;
  readonly logger: Logger;
  readonly uevents: Pick<UeventListener, 'subscribe'>;
  readonly config: Pick<AgentConfig, 'hotplugTimeoutMs'>;
}

/** Where the kernel shows its devices. */
export interface DeviceRoots {
  readonly sys: string;
  readonly dev: string;
  /** Program that loads drivers. */
  readonly modprobe: string;
}

const ROOTS: DeviceRoots = { sys: '/sys', dev: '/dev', modprobe: MODPROBE };
const VIRTIO_DEVICE = /^virtio[0-9]+$/;

/** Loading a driver may probe hardware, and a scan asks the device; neither may hold us up (ms). */
const HELPER_DEADLINE_MS = 10_000;
/** Between two searches (ms). */
const SEARCH_EVERY_MS = 1_000;

/**
 * $1 of all of them is where sysfs is. The bus is searched by writing to it: for machines that do not tell the guest of
 * what was plugged in. A directory that is not there is no error.
 */
const PCI_RESCAN = '[ ! -e "$1/bus/pci/rescan" ] || echo 1 > "$1/bus/pci/rescan"';
/** $2 modprobe, $3 id, $4 unit. Nobody loads a driver for what was plugged in but we; one that is built in is no error. */
const SCSI_SCAN = `
"$2" -a virtio_scsi sd_mod 2>/dev/null || :
for scan in "$1"/class/scsi_host/*/scan; do
  [ ! -e "$scan" ] || echo "0 $3 $4" > "$scan"
done`;
const PMEM_DRIVERS = '"$2" -a nfit nd_pmem virtio_pmem 2>/dev/null || :';

/** The disks of the guest. */
export class BlockDevices {
  readonly #context: DeviceContext;
  readonly #roots: DeviceRoots;

  constructor(context: DeviceContext, roots: DeviceRoots = ROOTS) {
    this.#context = context;
    this.#roots = roots;
  }

  /**
   * The virtio disk at a PCI path.
   * @throws KataError (INTERNAL on the wire) for a text that is no such path; where the disk does not come in time.
   */
  async byPciPath(text: string): Promise<BlockDevice> {
    const path = checkedPciPath(text);
    const look = (): BlockDevice | undefined => {
      const directory = pciDirectory(this.#roots.sys, path);
      const virtio = directory === undefined ? undefined : namesIn(directory).find((name) => VIRTIO_DEVICE.test(name));
      return virtio === undefined ? undefined : this.#diskOf(`${directory}/${virtio}`);
    };
    return look() ?? (await this.#search(`of the disk at PCI path ${text}`, look, PCI_RESCAN));
  }

  /**
   * The disk at a SCSI address `id:lun`.
   * @throws KataError (INTERNAL on the wire) for a text that is no address; where the disk does not come in time.
   */
  async byScsiAddress(text: string): Promise<BlockDevice> {
    const address = parseScsiAddress(text);
    const look = (): BlockDevice | undefined => {
      for (const directory of scsiDirectories(this.#roots.sys, address)) {
        const disk = this.#diskOf(directory);
        if (disk !== undefined) return disk;
      }
      return undefined;
    };
    const what = `of the disk at SCSI address ${text}`;
    return look() ?? (await this.#search(what, look, SCSI_SCAN, [String(address.id), String(address.lun)]));
  }

  /**
   * The disk with a node such as `/dev/vdb`.
   * @throws KataError (INTERNAL on the wire) for a path that is not in /dev; where the disk does not come in time.
   */
  async byNode(path: string): Promise<BlockDevice> {
    const name = nodeName(path);
    const look = (): BlockDevice | undefined => this.#named(name);
    return look() ?? (await this.#wait(`of the block device ${path}`, look));
  }

  /** As {@link byNode}, for persistent memory, whose drivers may still have to be loaded. */
  async pmem(path: string): Promise<BlockDevice> {
    const name = nodeName(path);
    const look = (): BlockDevice | undefined => this.#named(name);
    return look() ?? (await this.#search(`of the persistent memory ${path}`, look, PMEM_DRIVERS));
  }

  /** The disk with that node. @throws KataError (INTERNAL on the wire) where it is not there now. */
  present(path: string): BlockDevice {
    const disk = this.#named(nodeName(path));
    if (disk === undefined) throw new KataError('ERR_INTERNAL', `there is no block device ${path}`);
    return disk;
  }

  /** Waits, and has the kernel search meanwhile, again and again: it may only now get the driver, or the device. */
  async #search<T>(what: string, look: () => T | undefined, script: string, args: readonly string[] = []): Promise<T> {
    const end = new AbortController();
    // A device that does not answer holds the search up; the deadline of the wait is what counts.
    void this.#helpUntil(end.signal, script, args);
    try {
      return await this.#wait(what, look);
    } finally {
      end.abort();
    }
  }

  async #helpUntil(end: AbortSignal, script: string, args: readonly string[]): Promise<void> {
    while (!end.aborted) {
      await this.#help(script, args);
      await sleep(SEARCH_EVERY_MS, undefined, { signal: end, ref: false }).catch(() => {});
    }
  }

  async #help(script: string, args: readonly string[]): Promise<void> {
    const argv = ['/bin/sh', '-c', script, 'sh', this.#roots.sys, this.#roots.modprobe, ...args];
    try {
      await runCommand(this.#context.reaper, argv, { deadlineMs: HELPER_DEADLINE_MS });
    } catch (error) {
      this.#context.logger.warn({ error }, 'searching for a device failed');
    }
  }

  #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    const { uevents, config } = this.#context;
    return waitForDevice(uevents, config.hotplugTimeoutMs, what, look);
  }

  /** The disk of a device; undefined before its driver has made one. */
  #diskOf(device: string): BlockDevice | undefined {
    const [name] = namesIn(`${device}/block`);
    return name === undefined ? undefined : this.#named(name);
  }

  /** Both the kernel's object and the node must be there: they do not come at the same moment. */
  #named(name: string): BlockDevice | undefined {
    const path = `${this.#roots.dev}/${name.replaceAll('!', '/')}`;
    const numbers = readIfThere(`${this.#roots.sys}/class/block/${name}/dev`);
    const [, major, minor] = /^([0-9]+):([0-9]+)$/.exec(numbers?.trim() ?? '') ?? [];
    if (major === undefined || minor === undefined || !existsSync(path)) return undefined;
    return { path, major: Number(major), minor: Number(minor) };
  }
}

/** The kernel's name of a node: a slash in a node's name is an exclamation mark there. */
function nodeName(path: string): string {
  const [, name] = /^\/dev\/([^/].*)$/.exec(path) ?? [];
  if (name === undefined || name.split('/').some((part) => part === '' || part === '..' || part === '.')) {
    throw new KataError('ERR_INTERNAL', `${JSON.stringify(path)} is no node in /dev`);
  }
  return name.replaceAll('/', '!');
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENODEV')) return undefined;
    throw error;
  }
}
