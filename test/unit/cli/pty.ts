/** A program at a terminal of its own, as in front of a user. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, writeSync } from 'node:fs';
import { setTerminalSize, type WindowSize } from '../../../src/linux/terminal.ts';
import { openPty, type PtyPair } from '../linux/pty-pair.ts';

/** A program and its terminal. */
export class Pty {
  readonly child: ChildProcess;
  /** Resolves with the exit status, or the signal, and everything that was printed. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly #pty: PtyPair;
  #output = '';

  /** Starts a program as the leader of a session with a new terminal (util-linux's setsid has --ctty). */
  constructor(argv: readonly string[], size: WindowSize) {
    this.#pty = openPty();
    const { master, peer } = this.#pty;
    setTerminalSize(master, size);
    this.child = spawn('setsid', ['--ctty', '--wait', ...argv], { stdio: [peer, peer, peer] });
    const reader = createReadStream('', { fd: master, autoClose: false });
    reader.on('data', (chunk) => {
      this.#output += chunk.toString();
    });
    // The end of a terminal is an error (EIO).
    reader.on('error', () => {});
    this.ended = new Promise((resolve) => this.child.on('close', (code, signal) => resolve({ code, signal })));
  }

  /** What was printed so far. */
  get output(): string {
    return this.#output;
  }

  /** The user's side of the terminal as a program like stty sees it. */
  get peer(): number {
    return this.#pty.peer;
  }

  /** Presses keys. */
  type(keys: string): void {
    writeSync(this.#pty.master, keys);
  }

  resize(size: WindowSize): void {
    setTerminalSize(this.#pty.master, size);
  }

  close(): void {
    this.child.kill('SIGKILL');
    this.#pty.close();
  }
}
