/** A monitor with its API, whose machines are stand-ins. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ApiServer } from '../../../src/vmm/api/api-server.ts';
import type { MachineEnd } from '../../../src/vmm/machine/running-machine.ts';
import { Vmm } from '../../../src/vmm/vmm.ts';
import type { Places } from '../../replay/rest-recording.ts';
import { RecordingMachine } from './recording-machine.ts';

/** Memory of the pretended host. */
export const HOST_MEMORY = 24 * 2 ** 30;

/** A monitor and what a test sees of it. */
export interface Fixture {
  readonly places: Places;
  readonly apiSocket: string;
  readonly vmm: Vmm;
  /** Those that were started, the last one last. */
  readonly machines: readonly RecordingMachine[];
  readonly lines: readonly string[];
  readonly ends: readonly MachineEnd[];
  readonly shutdowns: readonly number[];
}

/** Files as a shim's configuration names them. */
export function makePlaces(): Places {
  const root = mkdtempSync(join(tmpdir(), 'kata-vmm-test-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const runDirectory = join(root, 'vm');
  mkdirSync(runDirectory);
  const [kernel, initramfs, image] = ['vmlinux', 'initrd.img', 'kata.img'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const file of [kernel, initramfs, image]) writeFileSync(file, 'not empty');
  return { runDirectory, kernel, initramfs, image };
}

/** Opens one; it goes with the test. */
export async function openFixture(failure?: Error): Promise<Fixture> {
  const places = makePlaces();
  const machines: RecordingMachine[] = [];
  const lines: string[] = [];
  const ends: MachineEnd[] = [];
  const shutdowns: number[] = [];
  const push = (line: string): void => void lines.push(line);
  const log = { error: push, warn: push, debug: () => {} };
  const vmm = new Vmm({
    version: '1.2.3',
    runDirectory: places.runDirectory,
    hostMemory: HOST_MEMORY,
    log,
    start: (spec) => {
      if (failure !== undefined) return Promise.reject(failure);
      const machine = new RecordingMachine(spec);
      machines.push(machine);
      return Promise.resolve(machine);
    },
    onEnd: (end) => ends.push(end),
  });
  const apiSocket = join(places.runDirectory, 'clh-api.sock');
  const server = await ApiServer.open({
    path: apiSocket,
    vmm,
    log,
    onFirstRequest: () => {},
    onShutdown: () => shutdowns.push(machines.length),
  });
  onTestFinished(() => server.close());
  return { places, apiSocket, vmm, machines, lines, ends, shutdowns };
}

/** The least that a `vm.create` must say. */
export function smallVm({ kernel, runDirectory }: Places): Record<string, unknown> {
  return {
    payload: { kernel, cmdline: 'panic=1' },
    memory: { size: 256 * 2 ** 20, hotplug_size: 2 ** 30 },
    cpus: { boot_vcpus: 1, max_vcpus: 4 },
    vsock: { cid: 3, socket: join(runDirectory, 'clh.sock') },
  };
}
