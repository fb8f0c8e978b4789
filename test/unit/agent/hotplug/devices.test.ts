import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { HotplugDevices } from '../../../../src/agent/hotplug/devices.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import type { UeventSubscriber } from '../../../../src/agent/process/uevents.ts';
import { TemporaryFiles } from '../temporary-files.ts';

/** Events that a test sends itself. */
class FakeUevents {
  readonly subscribers = new Set<UeventSubscriber>();

  subscribe(subscriber: UeventSubscriber): () => void {
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  }

  send(action: string, devpath: string): void {
    for (const subscriber of this.subscribers) subscriber({ action, devpath, subsystem: 'memory', fields: new Map() });
  }
}

describe('HotplugDevices', () => {
  const log: string[] = [];
  const logger = createLogger({ write: (line) => void log.push(line) }, 'warn');

  it('puts all of its kind to use', async () => {
    using files = new TemporaryFiles({
      'cpu/cpu1/online': '0\n',
      'cpu/cpu2/online': '1\n',
      'cpu/cpu10/online': '0\n',
      'cpu/cpu0/nothing': '',
      'cpu/cpufreq/online': '0\n',
      'cpu/online': '2\n',
      'memory/memory3/online': '0\n',
    });
    const cpus = new HotplugDevices('cpu', logger, files.root);
    await cpus.onlineAll();
    const states = ['cpu1', 'cpu2', 'cpu10', 'cpufreq'].map((name) => files.read(`cpu/${name}/online`).trim());
    expect(states).toEqual(['1', '1', '1', '0']);
    expect(files.read('memory/memory3/online')).toBe('0\n');
    await new HotplugDevices('memory', logger, files.root).onlineAll();
    expect(files.read('memory/memory3/online').trim()).toBe('1');
    expect(existsSync(`${files.root}/cpu/cpu0/online`)).toBe(false);
    expect(log).toEqual([]);
  });

  it('goes on after one that cannot be put to use, and says so', async () => {
    using files = new TemporaryFiles({ 'cpu/cpu1/online/nested': '', 'cpu/cpu2/online': '0\n' });
    await new HotplugDevices('cpu', logger, files.root).onlineAll();
    expect(files.read('cpu/cpu2/online').trim()).toBe('1');
    expect(log.splice(0).map((line) => JSON.parse(line).device)).toEqual(['cpu1']);
  });

  it('does nothing where the kernel has none', async () => {
    await new HotplugDevices('memory', logger, '/sys/devices/none').onlineAll();
    expect(log).toEqual([]);
  });

  it('follows what comes, and nothing else', async () => {
    using files = new TemporaryFiles({
      'memory/memory7/online': '0\n',
      'memory/memory8/online': '0\n',
      'memory/memory9/online': '0\n',
      'memory/probe/online': '0\n',
    });
    const memory = new HotplugDevices('memory', logger, files.root);
    const uevents = new FakeUevents();
    let came = 0;
    memory.follow(uevents, () => {
      came += 1;
    });
    memory.follow(uevents);
    expect(uevents.subscribers.size).toBe(1);
    uevents.send('remove', '/devices/system/memory/memory7');
    uevents.send('add', '/devices/system/cpu/memory7');
    uevents.send('add', '/devices/system/memory/probe');
    uevents.send('add', '/devices/system/memory/memory8');
    while (files.read('memory/memory8/online').trim() !== '1') await sleep(1);
    // One that goes before it is looked at is no error.
    rmSync(`${files.root}/memory/memory9`, { recursive: true });
    uevents.send('add', '/devices/system/memory/memory9');
    writeFileSync(`${files.root}/memory/memory8/online`, '0');
    uevents.send('online', '/devices/system/memory/memory8');
    uevents.send('add', '/devices/system/memory/memory8');
    while (files.read('memory/memory8/online').trim() !== '1') await sleep(1);
    await vi.waitFor(() => expect(came).toBe(3));
    expect(files.read('memory/memory7/online').trim()).toBe('0');
    expect(files.read('memory/probe/online').trim()).toBe('0');
    expect(log).toEqual([]);
  });
});
