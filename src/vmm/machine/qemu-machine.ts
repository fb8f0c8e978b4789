/** A machine that is a QEMU process, with what serves it on the host. */
import { randomUUID } from 'node:crypto';
import { appendFileSync, closeSync, existsSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Qemu } from '../../host/accelerator.ts';
import { ConsoleLog } from '../../host/console-log.ts';
import { FOREIGN_SOCKETS_FILE } from '../../host/guardian.ts';
import { modulesInitrdOf } from '../../host/kata-image.ts';
import type { Accelerator } from '../../host/qemu/arguments.ts';
import { OwnedProcess } from '../../host/qemu/process.ts';
import { QmpClient } from '../../host/qemu/qmp.ts';
import type { StateDirectory } from '../../host/state/state-dir.ts';
import { VsockDevice } from '../../host/vsock/device.ts';
import { KataError } from '../../wire/error.ts';
import type { VmConfig } from '../config/vm-config.ts';
import type { Log } from '../log.ts';
import { machineCommand } from './arguments.ts';
import type { PlacedDevice } from './device-table.ts';
import { FsConnection } from './fs-connection.ts';
import type { MachineEnd, MachineSpec, RunningMachine } from './running-machine.ts';

/** What a machine finds on its host. */
export interface MachineHost {
  readonly sandboxId: string;
  readonly state: StateDirectory;
  readonly qemu: Qemu;
  readonly accelerator: Accelerator;
  readonly log: Log;
  /** Gets what the guest prints, where the client wants to see it. */
  readonly show: (chunk: Uint8Array) => void;
}

/** How long QEMU may take from its start until it takes commands (ms); a busy machine needs a second or two. */
const CONTROL_TIMEOUT_MS = 4_500;
const CONTROL_INTERVAL_MS = 20;
/** A guest gives a device back within a second; shims wait five for the whole call (ms). */
const UNPLUG_TIMEOUT_MS = 4_500;
/** virtiofsd ends when QEMU does, and may be seen first (ms). */
const QEMU_END_GRACE_MS = 250;
/** A shim waits ten seconds for the agent to take its connection, and then dials again (ms). */
const HYBRID_PATIENCE_MS = 9_000;
/** Lines of each log that are told when a machine is lost. */
const SHOWN_LINES = 15;

interface Parts {
  readonly qemu: OwnedProcess;
  readonly vsock: VsockDevice | undefined;
  readonly shares: readonly FsConnection[];
  readonly console: ConsoleLog;
  readonly complaints: ConsoleLog;
}

/** See {@link RunningMachine}. */
export class QemuMachine implements RunningMachine {
  readonly ended: Promise<MachineEnd>;
  readonly #host: MachineHost;
  readonly #parts: Parts;
  readonly #unplugging = new Map<string, () => void>();
  readonly #control: Promise<QmpClient>;
  #stopping: Promise<void> | undefined;

  private constructor(host: MachineHost, parts: Parts) {
    this.#host = host;
    this.#parts = parts;
    this.ended = this.#watch();
    this.#control = this.#connect();
    // Whoever gives a command learns of a failure.
    this.#control.catch(() => {});
  }

  /**
   * Starts QEMU and what serves it. Where a step fails, what the earlier ones made is taken back.
   * @throws KataError, such as ERR_UNAVAILABLE where there is no virtiofsd.
   */
  static async start(spec: MachineSpec, host: MachineHost): Promise<QemuMachine> {
    const undo: (() => unknown)[] = [];
    try {
      const vsock = await openVsock(spec.config, host);
      undo.push(() => vsock?.close());
      const shares = new Map<PlacedDevice, FsConnection>();
      for (const placed of spec.devices) {
        if (placed.device.kind !== 'fs') continue;
        const share = await FsConnection.open(placed.device.socket);
        undo.push(() => share.close());
        shares.set(placed, share);
      }
      const qemu = await startQemu(spec, host, shares);
      const console = new ConsoleLog(host.state.file('console.log'));
      const complaints = new ConsoleLog(host.state.file('qemu.log'));
      const show = spec.config.console.isShown ? host.show : (): void => {};
      follow(qemu.child.stdout, console, show);
      follow(qemu.child.stderr, complaints, () => {});
      return new QemuMachine(host, { qemu, vsock, shares: [...shares.values()], console, complaints });
    } catch (error) {
      for (const step of undo.toReversed()) await step();
      throw error;
    }
  }

  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    fds: readonly number[] = [],
  ): Promise<unknown> {
    const control = await this.#control;
    return await control.execute(command, args, fds);
  }

  async unplug(name: string): Promise<void> {
    const { promise: gone, resolve } = Promise.withResolvers<boolean>();
    // Before the command, since the event may come before its answer.
    this.#unplugging.set(name, () => resolve(true));
    const limit = new AbortController();
    try {
      await this.execute('device_del', { id: name });
      const late = delay(UNPLUG_TIMEOUT_MS, false, { signal: limit.signal });
      late.catch(() => {});
      if (await Promise.race([gone, late])) return;
      throw new KataError('ERR_DEADLINE', `the guest did not give ${name} back within ${UNPLUG_TIMEOUT_MS} ms`);
    } finally {
      limit.abort();
      this.#unplugging.delete(name);
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { qemu, vsock, shares, console, complaints } = this.#parts;
    qemu.kill();
    for (const share of shares) share.close();
    await qemu.gone();
    await vsock?.close();
    await this.#control.then((control) => control.close()).catch(() => {});
    console.close();
    complaints.close();
  }

  /** Tries until QEMU listens. */
  async #connect(): Promise<QmpClient> {
    const path = this.#host.state.file('qmp.sock');
    const onEvent = (name: string, data: unknown): void => this.#onEvent(name, data);
    for (let waited = 0; ; waited += CONTROL_INTERVAL_MS) {
      try {
        return await QmpClient.connect(path, onEvent);
      } catch (error) {
        if (waited >= CONTROL_TIMEOUT_MS || this.#parts.qemu.end !== undefined) throw error;
      }
      await delay(CONTROL_INTERVAL_MS, undefined, { ref: false });
    }
  }

  #onEvent(name: string, data: unknown): void {
    this.#host.log.debug(`QEMU: ${name} ${JSON.stringify(data ?? {})}`);
    if (name !== 'DEVICE_DELETED' || typeof data !== 'object' || data === null || !('device' in data)) return;
    this.#unplugging.get(String(data.device))?.();
  }

  async #watch(): Promise<MachineEnd> {
    const { qemu, shares } = this.#parts;
    const lost = shares.map(async (share) => {
      await share.lost;
      await delay(QEMU_END_GRACE_MS, undefined, { ref: false });
      return 'virtiofsd has gone';
    });
    const ended = qemu.ended.then((end) => (end === 'exit status 0' ? undefined : `QEMU ended (${end})`));
    const why = await Promise.race([ended, ...lost]);
    // A guest that panicked looks the same from here as one that was asked to end: both have a reason to be told.
    const off = 'the guest has powered itself off, or reset';
    return { is: why === undefined ? 'powered-off' : 'lost', why: `${why ?? off}${this.#lastWords()}` };
  }

  #lastWords(): string {
    const { console, complaints } = this.#parts;
    const lines = [
      ...console.tail(SHOWN_LINES).map((line) => `guest console: ${line}`),
      ...complaints.tail(SHOWN_LINES).map((line) => `QEMU: ${line}`),
    ];
    return lines.map((line) => `\n  ${line}`).join('');
  }
}

async function openVsock({ vsock }: VmConfig, { state, log }: MachineHost): Promise<VsockDevice | undefined> {
  if (vsock === undefined) return undefined;
  // The guardian shall know of it before it is there.
  appendFileSync(state.file(FOREIGN_SOCKETS_FILE), `${vsock.socket}\n`);
  return await VsockDevice.open({
    socketPath: state.file('vsock.sock'),
    guestCid: vsock.cid,
    hybridPath: vsock.socket,
    hybridPatienceMs: HYBRID_PATIENCE_MS,
    log: (line) => log.warn(`vsock: ${line}`),
  });
}

async function startQemu(
  spec: MachineSpec,
  host: MachineHost,
  shares: ReadonlyMap<PlacedDevice, FsConnection>,
): Promise<OwnedProcess> {
  const { config } = spec;
  const connections: number[] = [];
  try {
    const { args, fds } = machineCommand(config, {
      sandboxId: host.sandboxId,
      uuid: randomUUID(),
      accelerator: host.accelerator,
      devices: spec.devices,
      hotplugBytes: spec.hotplugBytes,
      initramfs: config.initramfs ?? modulesInitrd(config),
      qmpSocket: host.state.file('qmp.sock'),
      vsockSocket: host.state.file('vsock.sock'),
      fsConnection: (placed) => {
        const fd = shares.get(placed)?.duplicate();
        if (fd === undefined) throw new KataError('ERR_INTERNAL', `${placed.id} has no virtiofsd`);
        connections.push(fd);
        return fd;
      },
      sizeOf: (file) => statSync(file).size,
      isBlockDevice: (path) => statSync(path).isBlockDevice(),
    });
    host.log.debug(`QEMU: ${[host.qemu.path, ...args].join(' ')}`);
    const qemu = await OwnedProcess.start([host.qemu.path, ...args], ['ignore', 'pipe', 'pipe', ...fds]);
    host.state.recordPid('qemu', qemu.pid);
    return qemu;
  } finally {
    for (const fd of connections) closeSync(fd);
  }
}

/** The modules that the kernel needs on the way to an image, where they were laid beside it. */
function modulesInitrd(config: VmConfig): string | undefined {
  const images = [
    ...config.pmems.map(({ file }) => file),
    ...config.devices.flatMap((device) => (device.kind === 'disk' ? [device.path] : [])),
  ];
  return images.map(modulesInitrdOf).find((path) => existsSync(path));
}

function follow(stream: Readable | null, log: ConsoleLog, show: (chunk: Uint8Array) => void): void {
  stream?.on('data', (chunk: Buffer) => {
    log.write(chunk);
    show(chunk);
  });
}
