/** Processes of a sandbox on the host: QEMU and virtiofsd. */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../../wire/error.ts';
import { findProgram } from '../program.ts';
import { isGroupAlive } from './process-group.ts';

/** Dying takes milliseconds; a process that hangs in the kernel must not hold up the clean-up for ever (ms). */
const GROUP_DEADLINE_MS = 2_000;
const GROUP_POLL_MS = 5;

/** How a process ended, in words: `exit status 1`, `signal SIGKILL`. */
export type EndText = string;

/** A process that dies with the harness. */
export class OwnedProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Resolves when the process has ended. */
  readonly ended: Promise<EndText>;
  #end: EndText | undefined;

  private constructor(child: ChildProcess, pid: number) {
    this.child = child;
    this.pid = pid;
    this.ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        this.#end = signal === null ? `exit status ${code}` : `signal ${signal}`;
        resolve(this.#end);
      });
    });
  }

  /**
   * Starts a program as the leader of a session and process group of its own, so that a Ctrl-C of the terminal does
   * not reach it and that it can be killed together with its children. The kernel kills it when the thread that
   * started it ends (PR_SET_PDEATHSIG, prctl(2)), which covers the time until the guardian has its pid.
   * @throws KataError ERR_HOST where the program cannot be started.
   */
  static start(argv: readonly string[], stdio: StdioOptions): Promise<OwnedProcess> {
    const setpriv = findProgram('setpriv');
    if (setpriv === undefined) throw new KataError('ERR_HOST', 'setpriv (util-linux) is missing');
    const child = spawn(setpriv, ['--pdeathsig', 'KILL', '--', ...argv], { cwd: '/', detached: true, stdio });
    return new Promise((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new KataError('ERR_HOST', `cannot start ${argv[0]}: ${cause.message}`, { cause })),
      );
      child.once('spawn', () => {
        const { pid } = child;
        if (pid !== undefined) resolve(new OwnedProcess(child, pid));
      });
    });
  }

  /** How it ended, or undefined while it runs. */
  get end(): EndText | undefined {
    return this.#end;
  }

  /** Kills the process and its children at once, also those that have outlived it. */
  kill(): void {
    // The number of a group is not given away as long as the group has a member.
    if (this.#end !== undefined && !isGroupAlive(this.pid)) return;
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // It ended between the look and the kill.
    }
  }

  /**
   * Resolves when the process has ended and its children with it, so that nothing holds its sockets and mounts any
   * more. To be called after {@link kill}.
   */
  async gone(): Promise<void> {
    await this.ended;
    for (let waited = 0; waited < GROUP_DEADLINE_MS && isGroupAlive(this.pid); waited += GROUP_POLL_MS) {
      await delay(GROUP_POLL_MS);
    }
  }
}
