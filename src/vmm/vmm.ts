/** The one machine of this process, and what may be done to it in which state. */
import { closeSync } from 'node:fs';
import { type Decoder, object, optional } from '../host/keeper/json.ts';
import { KataError } from '../wire/error.ts';
import { checkDeviceFiles, checkMachineFiles } from './config/check-files.ts';
import {
  type DiskDevice,
  diskDevice,
  type NetDevice,
  netDevice,
  type VfioDevice,
  vfioDevice,
} from './config/device-config.ts';
import { deviceId, integer } from './config/fields.ts';
import { CPUS_MAX, type VmConfig, vmConfig } from './config/vm-config.ts';
import { type Counters, countersOf } from './counters.ts';
import { resizeCpus } from './hotplug/cpus.ts';
import { plugDevice, unplugDevice } from './hotplug/devices.ts';
import { plugMemory } from './hotplug/memory.ts';
import type { Log } from './log.ts';
import { DeviceTable, type PlacedDevice, pciAddress } from './machine/device-table.ts';
import { hotplugLimit } from './machine/memory-limits.ts';
import type { MachineEnd, RunningMachine, StartMachine } from './machine/running-machine.ts';

/** A machine that was described. */
interface Definition {
  readonly config: VmConfig;
  /** The description as it came, for `vm.info`. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly devices: DeviceTable;
  /** How much memory may be added (bytes). */
  readonly hotplugBytes: number;
  /** What there is now: processors, and bytes. */
  cpus: number;
  memory: number;
  memoryPieces: number;
}

/** The states are those of the API; `none` is before `vm.create` and after `vm.delete`. */
type State =
  | { readonly is: 'none' }
  | { readonly is: 'created' | 'shutdown'; readonly vm: Definition }
  | { readonly is: 'running' | 'paused'; readonly vm: Definition; readonly machine: RunningMachine };

/** Names of states as `vm.info` gives them. */
const STATE_NAMES = { created: 'Created', shutdown: 'Shutdown', running: 'Running', paused: 'Paused' } as const;

/** What a Vmm works with. */
export interface VmmOptions {
  readonly version: string;
  /** Directory of the API's socket: the machine's sockets must lie below it. */
  readonly runDirectory: string;
  /** Memory of the host (bytes). */
  readonly hostMemory: number;
  readonly log: Log;
  readonly start: StartMachine;
  /** Called when the machine ends by itself. */
  readonly onEnd: (end: MachineEnd) => void;
}

const resizeRequest = object({
  desired_vcpus: optional(integer(1, CPUS_MAX)),
  desired_ram: optional(integer(1)),
  desired_balloon: optional(integer(0)),
});
const removeRequest = object({ id: deviceId });

/** See the file's comment. What changes the machine is done one after the other. */
export class Vmm {
  readonly #options: VmmOptions;
  #state: State = { is: 'none' };
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: VmmOptions) {
    this.#options = options;
  }

  /** Whether there is a machine that has not ended. */
  get runs(): boolean {
    return 'machine' in this.#state;
  }

  /** Who answers. */
  ping(): object {
    const { version } = this.#options;
    return { build_version: `kata-vmm ${version}`, version, pid: process.pid, features: [] };
  }

  /** State and description, with what has changed since. @throws KataError ERR_NOT_FOUND without a machine. */
  info(): object {
    const state = this.#state;
    if (state.is === 'none') throw noMachine();
    const { given, cpus, memory, hotplugBytes } = state.vm;
    const config = {
      ...given,
      cpus: { ...Object(given['cpus']), boot_vcpus: cpus, max_vcpus: state.vm.config.cpus.max },
      memory: { ...Object(given['memory']), size: memory, hotplug_size: hotplugBytes },
    };
    return { config, state: STATE_NAMES[state.is], memory_actual_size: memory };
  }

  /** Takes a description. @throws KataError ERR_ALREADY_EXISTS where there is one, or as the description is wrong. */
  create(body: unknown): Promise<void> {
    return this.#inTurn(() => {
      if (this.#state.is !== 'none') throw new KataError('ERR_ALREADY_EXISTS', 'the machine exists already');
      const config = decode(body, vmConfig);
      checkMachineFiles(config, this.#options.runDirectory);
      const devices = new DeviceTable();
      for (const device of config.devices) devices.add(device);
      if (config.vsock !== undefined) devices.add({ kind: 'vsock' });
      if (config.console.device === 'virtio') devices.add({ kind: 'console' });
      devices.add({ kind: 'rng' });
      const hotplugBytes = hotplugLimit(config.memory, this.#options.hostMemory);
      // Reason for the cast: what the decoder took is an object.
      const given = body as Readonly<Record<string, unknown>>;
      // A description too deep to be told again would make every vm.info fail.
      if (JSON.stringify(given) === undefined) throw new KataError('ERR_PROTOCOL', 'the description is no object');
      const { boot: cpus } = config.cpus;
      const vm = { config, given, devices, hotplugBytes, cpus, memory: config.memory.size, memoryPieces: 0 };
      this.#state = { is: 'created', vm };
    });
  }

  /** Starts the machine; resolves when its process stands. @throws KataError ERR_NOT_FOUND before `vm.create`. */
  boot(): Promise<void> {
    return this.#inTurn(async () => {
      const state = this.#state;
      if (state.is === 'none') throw noMachine();
      if (state.is === 'running' || state.is === 'paused') {
        throw new KataError('ERR_FAILED_PRECONDITION', 'the machine runs already');
      }
      const { vm } = state;
      vm.cpus = vm.config.cpus.boot;
      vm.memory = vm.config.memory.size;
      const machine = await this.#options.start({
        config: vm.config,
        devices: vm.devices.all(),
        hotplugBytes: vm.hotplugBytes,
      });
      this.#state = { is: 'running', vm, machine };
      void machine.ended.then((end) => this.#ended(machine, end));
    });
  }

  /** Ends the machine at once; it may be booted again. */
  shutdown(): Promise<void> {
    return this.#inTurn(async () => {
      const { vm, machine } = this.#running();
      this.#state = { is: 'shutdown', vm };
      await machine.stop();
    });
  }

  /** Forgets the machine, which is ended where it runs. */
  delete(): Promise<void> {
    return this.#inTurn(() => this.#drop());
  }

  /** As {@link delete}, whatever is under way. */
  async #drop(): Promise<void> {
    const state = this.#state;
    this.#state = { is: 'none' };
    if (state.is === 'none') return;
    if ('machine' in state) await state.machine.stop();
    for (const { device } of state.vm.devices.all()) closeTap(device);
  }

  /** Ends everything, for the end of the process; nothing is waited for. */
  async close(): Promise<void> {
    await this.#drop();
  }

  /** Stops the processors. */
  pause(): Promise<void> {
    return this.#inTurn(async () => {
      const { vm, machine } = this.#running();
      await machine.execute('stop');
      this.#state = { is: 'paused', vm, machine };
    });
  }

  /** Lets the processors go on. */
  resume(): Promise<void> {
    return this.#inTurn(async () => {
      const { vm, machine } = this.#running();
      await machine.execute('cont');
      this.#state = { is: 'running', vm, machine };
    });
  }

  /** Asks the guest to power itself off. */
  pressPowerButton(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#running().machine.execute('system_powerdown');
    });
  }

  /** Changes how many processors and how much memory there are. */
  resize(body: unknown): Promise<void> {
    return this.#inTurn(async () => {
      const { desired_vcpus: cpus, desired_ram: memory, desired_balloon: balloon } = decode(body, resizeRequest);
      const { vm, machine } = this.#running();
      if (balloon !== undefined) throw new KataError('ERR_UNIMPLEMENTED', 'desired_balloon is not supported');
      if (cpus !== undefined) await resizeCpusOf(vm, machine, cpus);
      if (memory !== undefined) await resizeMemoryOf(vm, machine, memory);
    });
  }

  /** Adds a disk. */
  addDisk(body: unknown): Promise<object> {
    return this.#inTurn(() => this.#add(decode(body, diskDevice)));
  }

  /** Adds a device of the host. */
  addDevice(body: unknown): Promise<object> {
    return this.#inTurn(() => this.#add(decode(body, vfioDevice)));
  }

  /** Adds a network card. @param fds of its tap; owned from now on. */
  async addNet(body: unknown, fds: readonly number[]): Promise<object> {
    try {
      return await this.#inTurn(() => this.#add(decode(body, netDevice(fds))));
    } catch (error) {
      for (const fd of fds) closeSync(fd);
      throw error;
    }
  }

  /** Takes a device away. @throws KataError ERR_NOT_FOUND for an id that is not known. */
  removeDevice(body: unknown): Promise<void> {
    return this.#inTurn(async () => {
      const { id } = decode(body, removeRequest);
      const state = this.#state;
      if (state.is === 'none') throw noMachine();
      const placed = state.vm.devices.find(id);
      if (placed === undefined) throw new KataError('ERR_NOT_FOUND', `there is no device ${id}`);
      if ('machine' in state) await unplugDevice(state.machine, placed);
      state.vm.devices.remove(placed);
      closeTap(placed.device);
    });
  }

  /** Counters of disks and network cards. */
  async counters(): Promise<Counters> {
    const { vm, machine } = this.#running();
    return await countersOf(machine, vm.devices.all());
  }

  async #add(device: DiskDevice | NetDevice | VfioDevice): Promise<object> {
    const state = this.#state;
    if (state.is === 'none') throw noMachine();
    checkDeviceFiles(device, this.#options.runDirectory);
    const placed = state.vm.devices.add(device);
    try {
      if ('machine' in state) await plugDevice(state.machine, placed);
    } catch (error) {
      state.vm.devices.remove(placed);
      throw error;
    }
    return { id: placed.id, bdf: pciAddress(placed) };
  }

  #running(): { readonly vm: Definition; readonly machine: RunningMachine } {
    const state = this.#state;
    if (state.is === 'none') throw noMachine();
    if (!('machine' in state)) throw new KataError('ERR_FAILED_PRECONDITION', 'the machine does not run');
    return state;
  }

  #ended(machine: RunningMachine, end: MachineEnd): void {
    const state = this.#state;
    // One that was asked to end is no news.
    if (!('machine' in state) || state.machine !== machine) return;
    this.#state = { is: 'shutdown', vm: state.vm };
    void machine.stop();
    this.#options.onEnd(end);
  }

  #inTurn<T>(action: () => T | Promise<T>): Promise<T> {
    const turn = this.#last.then(action);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

async function resizeCpusOf(vm: Definition, machine: RunningMachine, wanted: number): Promise<void> {
  if (wanted > vm.config.cpus.max) {
    throw new KataError(
      'ERR_INVALID_ARGUMENT',
      `desired_vcpus: ${wanted} is more than max_vcpus ${vm.config.cpus.max}`,
    );
  }
  // Shims ask for what there is at every container; the guest need not be bothered, which may still boot.
  if (wanted === vm.cpus) return;
  await resizeCpus(machine, vm.cpus, wanted);
  vm.cpus = wanted;
}

async function resizeMemoryOf(vm: Definition, machine: RunningMachine, wanted: number): Promise<void> {
  if (wanted === vm.memory) return;
  if (wanted < vm.memory)
    throw new KataError('ERR_INVALID_ARGUMENT', `desired_ram: ${wanted} is less than the machine has`);
  const most = vm.config.memory.size + vm.hotplugBytes;
  if (wanted > most) throw new KataError('ERR_INVALID_ARGUMENT', `desired_ram: ${wanted} is more than ${most} bytes`);
  await plugMemory(machine, { index: vm.memoryPieces, size: wanted - vm.memory });
  vm.memoryPieces += 1;
  vm.memory = wanted;
}

function closeTap(device: PlacedDevice['device']): void {
  if (device.kind === 'net' && device.tap.is === 'descriptors') for (const fd of device.tap.fds) closeSync(fd);
}

function decode<T>(body: unknown, decoder: Decoder<T>): T {
  return decoder(body, 'request');
}

function noMachine(): KataError {
  return new KataError('ERR_NOT_FOUND', 'there is no machine; it is made by vm.create');
}
