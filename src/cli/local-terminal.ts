/** The terminal in front of the user: raw while a program of a guest has it, and as it was before afterwards. */
import { isatty } from 'node:tty';
import { makeRaw, terminalSize } from '../linux/raw-terminal.ts';
import type { WindowSize } from '../linux/terminal.ts';
import { KataError } from '../wire/error.ts';

const STDIN = 0;
/** The first of stdin, stdout and stderr that is a terminal has the size. */
const DESCRIPTORS = [STDIN, 1, 2] as const;
/** Size of a terminal that nobody sees yet: that of a VT100. */
const UNSEEN_SIZE: WindowSize = { rows: 24, columns: 80 };

/** @throws KataError ERR_INVALID_ARGUMENT where standard input is no terminal. */
export function requireTerminal(): void {
  if (!isatty(STDIN)) throw new KataError('ERR_INVALID_ARGUMENT', 'the input device is not a TTY');
}

/** True where standard input is a terminal. */
export function hasTerminal(): boolean {
  return isatty(STDIN);
}

/** Size of the terminal; that of a VT100 where there is none, or it does not know. */
export function localSize(): WindowSize {
  const fd = DESCRIPTORS.find((each) => isatty(each));
  if (fd === undefined) return UNSEEN_SIZE;
  const size = terminalSize(fd);
  return size.rows === 0 || size.columns === 0 ? UNSEEN_SIZE : size;
}

/**
 * Gives the terminal to a program elsewhere: raw mode, and `onResize` with each new size. Disposing gives it back; so does
 * every way in which this process may end, except for a SIGKILL.
 */
export class RawTerminal implements Disposable {
  readonly #restore: () => void;
  readonly #onWinch: () => void;

  /**
   * @param told the size that the program elsewhere knows; one that differs already is told at once.
   * @throws KataError ERR_SYSCALL where standard input is no terminal.
   */
  constructor(told: WindowSize, onResize: (size: WindowSize) => void) {
    let last = told;
    this.#restore = makeRaw(STDIN);
    process.on('exit', this.#restore);
    this.#onWinch = () => {
      const size = localSize();
      if (size.rows === last.rows && size.columns === last.columns) return;
      last = size;
      onResize(size);
    };
    process.on('SIGWINCH', this.#onWinch);
    this.#onWinch();
  }

  [Symbol.dispose](): void {
    process.off('SIGWINCH', this.#onWinch);
    process.off('exit', this.#restore);
    this.#restore();
  }
}
