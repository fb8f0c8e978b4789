/** A program at a terminal, driven as a person does: keys in, and what is on the screen. */
import { PassThrough } from 'node:stream';
import type { Container } from '../../../src/host/container.ts';
import type { GuestProcess } from '../../../src/host/process.ts';
import type { ExecOptions } from './exec.ts';

/** A process with a terminal, and all that it has printed. */
export class TerminalSession {
  readonly process: GuestProcess;
  /** Resolves when the output has ended. */
  readonly ended: Promise<void>;
  readonly #keys = new PassThrough();
  #output = '';
  #isOver = false;
  #wake = Promise.withResolvers<void>();

  private constructor(process: GuestProcess) {
    this.process = process;
    this.ended = process.carry({
      stdin: this.#keys,
      stdout: (chunk) => {
        this.#output += Buffer.from(chunk).toString('latin1');
        this.#changed();
        return Promise.resolve();
      },
      stderr: () => Promise.resolve(),
    });
    const over = (): void => {
      this.#isOver = true;
      this.#changed();
    };
    this.ended.then(over, over);
  }

  /** Starts a program at a terminal. */
  static async start(
    container: Container,
    options: ExecOptions & Required<Pick<ExecOptions, 'terminal'>>,
  ): Promise<TerminalSession> {
    return new TerminalSession(await container.exec(options));
  }

  /** All output up to now. */
  get output(): string {
    return this.#output;
  }

  send(keys: string): void {
    this.#keys.write(keys);
  }

  /** Nothing more is typed: the end of the input. */
  end(): void {
    this.#keys.end();
  }

  /**
   * Waits for a text that comes behind what was there before.
   * @param from index in the output from which on it counts.
   * @throws Error where the program ends without.
   */
  async until(text: string | RegExp, from = 0): Promise<void> {
    const found = (): boolean => {
      const rest = this.#output.slice(from);
      return typeof text === 'string' ? rest.includes(text) : text.test(rest);
    };
    while (!found()) {
      if (this.#isOver) throw new Error(`the program ended without ${text}: ${JSON.stringify(this.#output)}`);
      await this.#wake.promise;
    }
  }

  /** Sends keys and waits for a text behind them. */
  async ask(keys: string, answer: string | RegExp): Promise<void> {
    const from = this.#output.length;
    this.send(keys);
    await this.until(answer, from);
  }

  /** Waits for the end of output and process. @returns the exit status. */
  async wait(): Promise<number> {
    await this.ended;
    return await this.process.wait();
  }

  #changed(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}
