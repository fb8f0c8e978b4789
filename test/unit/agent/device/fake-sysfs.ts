/** A small sysfs and /dev in a directory of the test's own. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DeviceRoots } from '../../../../src/agent/device/block-devices.ts';
import type { UeventSubscriber } from '../../../../src/agent/process/uevents.ts';

/** Devices that tests plug in, and the events of it. */
export class FakeSysfs {
  readonly roots: DeviceRoots;
  readonly #base = mkdtempSync(join(tmpdir(), 'sysfs-'));
  readonly #subscribers = new Set<UeventSubscriber>();

  constructor() {
    this.roots = { sys: join(this.#base, 'sys'), dev: join(this.#base, 'dev'), modprobe: 'true' };
    for (const directory of [this.roots.sys, this.roots.dev]) mkdirSync(directory);
  }

  /** How many wait for events. */
  get subscribers(): number {
    return this.#subscribers.size;
  }

  subscribe(subscriber: UeventSubscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  /** Makes a directory below sysfs. */
  directory(path: string): string {
    const directory = join(this.roots.sys, path);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  /** Makes a file below sysfs. */
  file(path: string, content: string): void {
    this.directory(dirname(path));
    writeFileSync(join(this.roots.sys, path), content);
  }

  /** Plugs a disk in: what the kernel shows of it, and its node. */
  disk(device: string, name: string, numbers: string): void {
    const directory = this.directory(`${device}/block/${name}`);
    writeFileSync(join(directory, 'dev'), `${numbers}\n`);
    this.directory('class/block');
    symlinkSync(directory, join(this.roots.sys, 'class/block', name));
    writeFileSync(join(this.roots.dev, name), '');
  }

  /** Tells of something. */
  tell(): void {
    const event = { action: 'add', devpath: '/devices/x', subsystem: 'block', fields: new Map<string, string>() };
    for (const subscriber of this.#subscribers) subscriber(event);
  }

  remove(): void {
    rmSync(this.#base, { recursive: true });
  }
}
