/** A machine monitor under the shim's stand-in, and what a test does with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processesNaming } from '../../../src/host/process-list.ts';
import { KataError } from '../../../src/wire/error.ts';

/** The program as a configuration names it. */
const MONITOR = fileURLToPath(new URL('../../../src/cli/bin/kata-vmm', import.meta.url));
const STAND_IN = fileURLToPath(new URL('./shim-stand-in.ts', import.meta.url));
const MONITOR_RUN_ROOT = '/run/kata-vmm';
/** The shim's: it asks again and again until the monitor answers. */
const START_TIMEOUT_MS = 10_000;
/** What is left gets so long to go (ms). */
const PATIENCE_MS = 15_000;
const POLL_INTERVAL_MS = 20;

/** Who can be killed. */
export type Part = 'shim' | 'kata-vmm' | 'virtiofsd' | 'QEMU';

/** How the monitor ended. */
interface MonitorEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** See the file's comment. */
export class MonitoredMachine {
  readonly runDirectory: string;
  readonly apiSocket: string;
  readonly #shim: ChildProcess;
  readonly #root: string;
  readonly #ended: Promise<MonitorEnd>;
  readonly #pids: { readonly monitor: number; readonly virtiofsd: number };
  readonly #complaints: string[] = [];

  private constructor(root: string, shim: ChildProcess, lines: AsyncIterator<string>, first: string) {
    this.#root = root;
    this.runDirectory = runDirectoryIn(root);
    this.apiSocket = join(this.runDirectory, 'clh-api.sock');
    this.#shim = shim;
    // Reason for the casts: the stand-in prints exactly these.
    this.#pids = JSON.parse(first) as { monitor: number; virtiofsd: number };
    this.#ended = lines.next().then(({ value }) => JSON.parse(String(value ?? '{}')) as MonitorEnd);
    shim.stderr?.on('data', (chunk: Buffer) => this.#complaints.push(chunk.toString('utf8')));
  }

  /**
   * Starts the stand-in, which starts the rest.
   * @param args of the monitor beside `--api-socket`.
   * @param env beside ours.
   */
  static async start(args: readonly string[], env: NodeJS.ProcessEnv): Promise<MonitoredMachine> {
    const root = mkdtempSync(join(tmpdir(), 'kvmm-'));
    const runDirectory = runDirectoryIn(root);
    mkdirSync(join(runDirectory, 'shared'), { recursive: true });
    const node = [process.execPath, '--no-warnings', STAND_IN, runDirectory];
    const monitor = [MONITOR, '--api-socket', join(runDirectory, 'clh-api.sock'), ...args];
    const shim = spawn('unshare', ['-n', '--', ...node, ...monitor], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const lines = createInterface({ input: shim.stdout })[Symbol.asyncIterator]();
    const { value } = await lines.next();
    const machine = new MonitoredMachine(root, shim, lines, String(value));
    await machine.#untilListening();
    return machine;
  }

  /** What the monitor and virtiofsd said. */
  get log(): string {
    return this.#complaints.join('');
  }

  /** Resolves when the monitor has ended. */
  get ended(): Promise<MonitorEnd> {
    return this.#ended;
  }

  /** Kills one with SIGKILL. */
  kill(part: Part): void {
    if (part === 'shim') this.#shim.kill('SIGKILL');
    else if (part === 'virtiofsd') killGroup(this.#pids.virtiofsd);
    else process.kill(part === 'kata-vmm' ? this.#pids.monitor : this.#qemu(), 'SIGKILL');
  }

  /** What is left of the machine on the host, once it has had its time to go. The stand-in is not counted. */
  async leftovers(): Promise<string[]> {
    for (let waited = 0; waited < PATIENCE_MS && this.#left().length > 0; waited += POLL_INTERVAL_MS) {
      await delay(POLL_INTERVAL_MS);
    }
    return this.#left();
  }

  /** Ends what is left, and removes the run directory, as the shim does. */
  async close(): Promise<void> {
    this.#shim.kill('SIGKILL');
    // One that no machine has connected to has nobody to tell it that it is not needed.
    killGroup(this.#pids.virtiofsd);
    await this.leftovers();
    rmSync(this.#root, { recursive: true, force: true });
  }

  #qemu(): number {
    const state = readdirSync(MONITOR_RUN_ROOT).find((name) => name.startsWith(`vmm-${this.#pids.monitor}-`));
    return Number(readFileSync(join(MONITOR_RUN_ROOT, state ?? '', 'qemu.pid'), 'utf8'));
  }

  #left(): string[] {
    const state = existsSync(MONITOR_RUN_ROOT) ? readdirSync(MONITOR_RUN_ROOT) : [];
    const mine = state.filter((name) => name.startsWith(`vmm-${this.#pids.monitor}-`));
    const processes = [this.#root, ...mine.map((name) => join(MONITOR_RUN_ROOT, name))].flatMap(processesNaming);
    const others = processes.filter(({ arguments: words }) => !words.includes(STAND_IN));
    return [
      ...others.map(({ pid, name }) => `process ${pid} ${name}`),
      ...mine.map((name) => `directory ${name}`),
      ...readdirSync(this.runDirectory).filter((name) => name.startsWith('clh')),
    ];
  }

  async #untilListening(): Promise<void> {
    for (let waited = 0; !existsSync(this.apiSocket); waited += POLL_INTERVAL_MS) {
      if (waited > START_TIMEOUT_MS) throw new KataError('ERR_BOOT', `the monitor does not listen: ${this.log}`);
      await delay(POLL_INTERVAL_MS);
    }
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It has gone already.
  }
}

/** As long as a real one, whose sandbox has 64 digits: sockets must fit. */
function runDirectoryIn(root: string): string {
  return join(root, 'vm', '0123456789abcdef'.repeat(3));
}
