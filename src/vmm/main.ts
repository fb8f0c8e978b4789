/**
 * `kata-vmm`: stands where a Kata shim expects Cloud Hypervisor. It is a child of the shim, inside the shim's namespaces,
 * serves the REST API at the socket that the shim names, and runs the machine in QEMU.
 */

import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { basename, dirname } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { findQemu } from '../host/accelerator.ts';
import { FOREIGN_SOCKETS_FILE, Guardian, sweepStale } from '../host/guardian.ts';
import { createStateDirectory, type StateDirectory } from '../host/state/state-dir.ts';
import { logToSystem } from '../linux/syslog.ts';
import { KataError } from '../wire/error.ts';
import { acceleratorInTime } from './accelerator.ts';
import { ApiServer } from './api/api-server.ts';
import { parseCommandLine } from './command-line.ts';
import { type Log, makeLog } from './log.ts';
import { QemuMachine } from './machine/qemu-machine.ts';
import type { MachineEnd, StartMachine } from './machine/running-machine.ts';
import { openOutput } from './output.ts';
import { watchParent } from './parent-watch.ts';
import { Vmm } from './vmm.ts';

/** One directory per process: sockets, console, logs, pid files. */
const RUN_ROOT = '/run/kata-vmm';
const STDOUT = 1;
const STDERR = 2;
/** A shim asks within ten seconds after it has started us. One that never does has gone before we could see it (ms). */
const FIRST_REQUEST_TIMEOUT_MS = 30_000;
/** A shim ends us soon after the guest has powered itself off, and waits in vain where we are gone by then (ms). */
const LINGER_MS = 10_000;
/** Shims wait three seconds for our end; what is not taken back by then is the guardian's work (ms). */
const END_TIMEOUT_MS = 2_000;
const EXIT_LOST = 1;
const EXIT_USAGE = 2;

/** The process, from its first line to its end. */
class Monitor {
  readonly #log: Log;
  readonly #state: StateDirectory;
  readonly #guardian: Guardian;
  readonly #vmm: Vmm;
  #server: ApiServer | undefined;
  #isEnding = false;

  constructor(apiSocket: string, log: Log) {
    this.#log = log;
    this.#state = createStateDirectory(RUN_ROOT, `vmm-${process.pid}-${randomBytes(4).toString('hex')}`);
    appendFileSync(this.#state.file(FOREIGN_SOCKETS_FILE), `${apiSocket}\n`);
    this.#guardian = Guardian.start(this.#state);
    const runDirectory = dirname(apiSocket);
    this.#vmm = new Vmm({
      version: manifest.version,
      runDirectory,
      hostMemory: totalmem(),
      log,
      start: this.#starter(basename(runDirectory)),
      onEnd: (end) => this.#machineEnded(end),
    });
  }

  /** Serves until something ends it. @throws KataError where the socket cannot be made. */
  async serve(path: string): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.on(signal, () => void this.end(0, `got ${signal}`));
    }
    process.on('uncaughtException', (error) => void this.end(EXIT_LOST, `unforeseen: ${error.stack ?? error.message}`));
    watchParent(() => void this.end(EXIT_LOST, 'the process that started us has gone'));
    const unasked = setTimeout(
      () => void this.end(EXIT_LOST, `nobody asked anything within ${FIRST_REQUEST_TIMEOUT_MS / 1000} s`),
      FIRST_REQUEST_TIMEOUT_MS,
    );
    this.#server = await ApiServer.open({
      path,
      vmm: this.#vmm,
      log: this.#log,
      onFirstRequest: () => clearTimeout(unasked),
      onShutdown: () => void this.end(0, undefined),
    });
    this.#sweep();
  }

  /** Takes everything back and ends the process. @param why for the log, unless we were asked to. */
  async end(code: number, why: string | undefined): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (why !== undefined) this.#log.error(`${why}; ending`);
    setTimeout(() => process.exit(code), END_TIMEOUT_MS);
    try {
      await Promise.all([this.#vmm.close(), this.#server?.close()]);
      await this.#guardian.release();
    } catch (error) {
      this.#log.error(KataError.from(error).message);
    }
    process.exit(code);
  }

  #starter(directory: string): StartMachine {
    const sandboxId = directory.replace(/[^A-Za-z0-9_.-]/g, '_');
    // Looked for while the shim prepares its request: asking QEMU for its version takes a tenth of a second.
    const found = findQemu();
    found.catch(() => {});
    const show = openOutput(STDOUT);
    return async (spec) => {
      const qemu = await found;
      const { accelerator, reason } = await acceleratorInTime(qemu, spec.config.kernel);
      this.#log.warn(`accelerator: ${accelerator.toUpperCase()} (${reason})`);
      return await QemuMachine.start(spec, { sandboxId, state: this.#state, qemu, accelerator, log: this.#log, show });
    };
  }

  #machineEnded(end: MachineEnd): void {
    if (end.is === 'lost') {
      void this.end(EXIT_LOST, end.why);
      return;
    }
    this.#log.warn(end.why);
    setTimeout(() => {
      // It may have been booted again.
      if (!this.#vmm.runs) void this.end(0, undefined);
    }, LINGER_MS);
  }

  /** Cleans up after others of our kind that could not, while we are waiting anyway. */
  #sweep(): void {
    sweepStale(RUN_ROOT).catch((error) => this.#log.warn(`sweep: ${KataError.from(error).message}`));
  }
}

async function main(): Promise<void> {
  const write = openOutput(STDERR);
  const order = parseCommandLine(process.argv.slice(2));
  if (order.is === 'version') {
    openOutput(STDOUT)(`kata-vmm ${manifest.version}\n`);
    return;
  }
  // The shim's own directory may be one that must go before us.
  process.chdir('/');
  const monitor = new Monitor(order.apiSocket, makeLog(write, logToSystem, order.verbosity));
  try {
    await monitor.serve(order.apiSocket);
  } catch (error) {
    await monitor.end(EXIT_LOST, KataError.from(error).message);
  }
}

main().catch((error) => {
  openOutput(STDERR)(`kata-vmm: ${KataError.from(error).message}\n`);
  process.exitCode = EXIT_USAGE;
});
