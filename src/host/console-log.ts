/** What the guest prints on its serial console: kept in a file, and its last lines in memory for error messages. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';

/** A guest that prints for ever must not fill the host's disk: after this many bytes only the tail in memory goes on. */
const MAX_FILE_BYTES = 8 << 20;
/** Lines kept in memory; an error message shows the last few of them. */
const MAX_TAIL_LINES = 200;
/** A line is cut here, so that a guest that never ends one does not grow the host. */
const MAX_LINE_CHARACTERS = 4096;

/** Sink of a byte stream of text lines. */
export class ConsoleLog {
  readonly #fd: number;
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines: string[] = [];
  readonly #onLine: (line: string) => void;
  #partial = '';
  #written = 0;
  #open = true;

  /**
   * @param path file to write; made anew.
   * @param onLine called with each whole line, without its end and without control characters.
   */
  constructor(path: string, onLine: (line: string) => void = () => {}) {
    this.#fd = openSync(path, 'w', 0o600);
    this.#onLine = onLine;
  }

  /** Takes the next bytes. */
  write(chunk: Uint8Array): void {
    if (this.#open && this.#written < MAX_FILE_BYTES) {
      this.#written += writeSync(this.#fd, chunk.subarray(0, MAX_FILE_BYTES - this.#written));
    }
    const [first = '', ...rest] = this.#decoder.write(Buffer.from(chunk)).split('\n');
    this.#partial += first;
    for (const next of rest) {
      this.#take(this.#partial);
      this.#partial = next;
    }
    if (this.#partial.length > MAX_LINE_CHARACTERS) {
      this.#take(this.#partial);
      this.#partial = '';
    }
  }

  /** The last `count` lines, an unfinished one included. */
  tail(count: number): string[] {
    const partial = printable(this.#partial);
    return [...this.#lines, ...(partial === '' ? [] : [partial])].slice(-count);
  }

  /** All lines that are still in memory. */
  lines(): string[] {
    return this.tail(MAX_TAIL_LINES);
  }

  /** Closes the file. Later bytes still reach the tail. */
  close(): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }

  #take(line: string): void {
    const clean = printable(line.slice(0, MAX_LINE_CHARACTERS));
    this.#lines.push(clean);
    if (this.#lines.length > MAX_TAIL_LINES) this.#lines.shift();
    this.#onLine(clean);
  }
}

/** Drops control characters: the guest is not trusted, and its text goes to a terminal. */
function printable(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are exactly what has to go
  return line.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '');
}
