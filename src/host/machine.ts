/** Everything that a sandbox has on the host: directories, mounts, virtiofsd, the vsock device, QEMU, the guardian. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../wire/error.ts';
import type { Qemu } from './accelerator.ts';
import { ConsoleLog } from './console-log.ts';
import { Guardian, sweepStale } from './guardian.ts';
import type { GuestImage } from './image.ts';
import { kernelParameters } from './kernel-cmdline.ts';
import { RUN_ROOT, SHARE_ROOT } from './paths.ts';
import { type Accelerator, machineArguments } from './qemu/arguments.ts';
import { OwnedProcess } from './qemu/process.ts';
import { QmpClient } from './qemu/qmp.ts';
import { SHARE_TAG, Share, shareDirectory } from './share.ts';
import { createStateDirectory, type StateDirectory } from './state/state-dir.ts';
import { startVirtiofsd, type Virtiofsd } from './virtiofsd.ts';
import type { GuestVsock } from './vsock/guest-vsock.ts';
import { openGuestVsock } from './vsock-choice.ts';

/** QEMU ends within milliseconds of a `quit`. */
const QUIT_TIMEOUT_MS = 1_000;
/** virtiofsd ends when QEMU does, and may be seen first: the kernel tells of QEMU within milliseconds then (ms). */
const QEMU_END_GRACE_MS = 250;
/** Lines of each log that an error message shows. */
const SHOWN_LINES = 15;

/** What a machine is made of. */
export interface MachineOptions {
  readonly id: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly image: GuestImage;
  readonly qemu: Qemu;
  readonly accelerator: Accelerator;
  readonly virtiofsd: Virtiofsd;
  /** Further words of the kernel command line. */
  readonly kernelParameters: readonly string[];
  /** Further arguments of QEMU. */
  readonly qemuArguments?: readonly string[];
  readonly onConsoleLine: (line: string) => void;
}

interface Parts {
  readonly state: StateDirectory;
  readonly guardian: Guardian;
  readonly share: Share;
  readonly vsock: GuestVsock;
  readonly virtiofsd: OwnedProcess;
  readonly qemu: OwnedProcess;
  readonly console: ConsoleLog;
  readonly complaints: ConsoleLog;
}

/** A running virtual machine and what serves it. */
export class HostMachine {
  readonly #parts: Parts;
  #release: Promise<void> | undefined;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Starts everything; QEMU last. Where a step fails, what the earlier ones made is taken back.
   * @throws KataError, such as ERR_ALREADY_EXISTS for a name that is in use.
   */
  static async start(options: MachineOptions): Promise<HostMachine> {
    await sweepStale(RUN_ROOT, (id) => shareDirectory(SHARE_ROOT, id));
    const state = createStateDirectory(RUN_ROOT, options.id);
    const guardian = Guardian.start(state, shareDirectory(SHARE_ROOT, options.id));
    let vsock: GuestVsock | undefined;
    try {
      const share = await Share.create(SHARE_ROOT, options.id);
      const fsSocketPath = state.file('fs.sock');
      const virtiofsd = await startVirtiofsd(
        options.virtiofsd,
        share.exported,
        fsSocketPath,
        state.file('virtiofsd.log'),
      );
      state.recordPid('virtiofsd', virtiofsd.pid);
      const opened = await openGuestVsock(state);
      vsock = opened.vsock;
      const args = machineArguments({
        sandboxId: options.id,
        uuid: randomUUID(),
        accelerator: options.accelerator,
        cpus: options.cpus,
        memoryMiB: options.memoryMiB,
        kernel: options.image.kernel,
        initrd: options.image.initrd,
        rootfs: options.image.rootfs,
        kernelParameters: kernelParameters({ extra: options.kernelParameters }),
        vsock: opened.device,
        fsSocketPath,
        fsTag: SHARE_TAG,
        qmpSocketPath: state.file('qmp.sock'),
      });
      const qemu = await OwnedProcess.start(
        [options.qemu.path, ...args, ...(options.qemuArguments ?? [])],
        ['ignore', 'pipe', 'pipe'],
      );
      state.recordPid('qemu', qemu.pid);
      const console = follow(qemu.child.stdout, new ConsoleLog(state.file('console.log'), options.onConsoleLine));
      const complaints = follow(qemu.child.stderr, new ConsoleLog(state.file('qemu.log')));
      return new HostMachine({ state, guardian, share, vsock, virtiofsd, qemu, console, complaints });
    } catch (error) {
      await vsock?.close();
      await guardian.release();
      throw error;
    }
  }

  get share(): Share {
    return this.#parts.share;
  }

  get vsock(): GuestVsock {
    return this.#parts.vsock;
  }

  /** Ids of the processes on the host. */
  get pids(): { readonly qemu: number; readonly virtiofsd: number } {
    return { qemu: this.#parts.qemu.pid, virtiofsd: this.#parts.virtiofsd.pid };
  }

  /** Path of a file or directory among the sandbox's own, which go when the machine goes. */
  scratch(name: string): string {
    return this.#parts.state.file(name);
  }

  /** Lines of the guest's console that are still in memory. */
  consoleLines(): string[] {
    return this.#parts.console.lines();
  }

  /** Resolves with words when QEMU or virtiofsd has ended: a guest without its share is of no use. */
  async ended(): Promise<string> {
    const { qemu, virtiofsd } = this.#parts;
    return await Promise.race([
      qemu.ended.then((end) => `QEMU ended (${end})`),
      virtiofsd.ended.then((end) => delay(QEMU_END_GRACE_MS, `virtiofsd ended (${end})`, { ref: false })),
    ]);
  }

  /** What the guest and the host's programs said last, for the end of an error message. */
  lastWords(): string {
    const { console, complaints, state } = this.#parts;
    const sections = [
      ['guest console', console.tail(SHOWN_LINES)],
      ['virtiofsd', lastLines(state.file('virtiofsd.log'))],
      ['QEMU', complaints.tail(SHOWN_LINES)],
    ] as const;
    return sections
      .filter(([, lines]) => lines.length > 0)
      .map(([name, lines]) => lines.map((line) => `\n  ${name}: ${line}`).join(''))
      .join('');
  }

  /** Waits for the guest to power itself off. @returns false where it did not within the time (ms). */
  async waitForPowerOff(timeoutMs: number): Promise<boolean> {
    const limit = new AbortController();
    const late = delay(timeoutMs, false, { signal: limit.signal }).catch(() => false);
    const off = await Promise.race([this.#parts.qemu.ended.then(() => true), late]);
    limit.abort();
    return off;
  }

  /** Has QEMU quit, as the monitor asks it to. A QEMU that does not is killed by {@link release}. */
  async quit(): Promise<void> {
    try {
      const qmp = await QmpClient.connect(this.#parts.state.file('qmp.sock'));
      await qmp.execute('quit').finally(() => qmp.close());
      await this.waitForPowerOff(QUIT_TIMEOUT_MS);
    } catch (error) {
      // Whatever kept it from answering, the next step is to kill it.
      if (!(error instanceof KataError)) throw error;
    }
  }

  /**
   * Takes everything back: kills what still runs, unmounts, removes. May be called at any time and more than once.
   * @throws KataError ERR_HOST where something could not be removed.
   */
  release(): Promise<void> {
    this.#release ??= this.#doRelease();
    return this.#release;
  }

  async #doRelease(): Promise<void> {
    const { qemu, virtiofsd, vsock, guardian, console, complaints } = this.#parts;
    qemu.kill();
    virtiofsd.kill();
    await Promise.all([qemu.gone(), virtiofsd.gone()]);
    await vsock.close();
    console.close();
    complaints.close();
    await guardian.release();
  }
}

function follow(stream: Readable | null, log: ConsoleLog): ConsoleLog {
  stream?.on('data', (chunk: Buffer) => log.write(chunk));
  return log;
}

function lastLines(path: string): string[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line !== '').slice(-SHOWN_LINES);
}
