/** The terminal of a process, by its master. */
import { duplicateFd } from '../../linux/fdpass.ts';
import { setTerminalSize, type WindowSize } from '../../linux/terminal.ts';
import { InputStream } from './input-stream.ts';
import { OutputStream } from './output-stream.ts';

/** A master with the streams that go through it. */
export class Terminal {
  readonly input: InputStream;
  /** All that the process writes: a terminal has one stream for both outputs. */
  readonly output: OutputStream;
  readonly #master: number;

  /**
   * @param master owned by the terminal from now on.
   * @throws KataError ERR_SYSCALL, such as EMFILE.
   */
  constructor(master: number) {
    this.#master = master;
    this.input = new InputStream(master, 'terminal');
    try {
      // Each stream polls a descriptor of its own: libuv knows one handle a descriptor.
      this.output = new OutputStream(duplicateFd(master));
    } catch (error) {
      this.input.close();
      throw error;
    }
  }

  /** Sets its size; does nothing after the input was closed, when the process has gone. */
  resize(size: WindowSize): void {
    if (!this.input.ended) setTerminalSize(this.#master, size);
  }
}
