/** Where the log goes at the moment: the console first, the log port once the configuration asks for it. */
import { fulfilledWithin } from '../process/within.ts';
import { FdSink } from './fd-sink.ts';
import { createLogger, type LogSink } from './logger.ts';

/** A destination other than the console, which can be brought to its end. */
export interface LogPort extends LogSink {
  /** Resolves when the reader has what was written, or is gone. */
  close(): Promise<void>;
}

/** Standard output: the guest's console where we are PID 1. */
const STDOUT = 1;

/** For a console or a reader that is slow, before the machine goes off (ms). */
const FLUSH_MS = 500;

/** The line that tells how many lines did not fit. */
export function dropNotice(dropped: number): string {
  let line = '';
  const sink: LogSink = {
    write: (text) => {
      line = text;
    },
  };
  createLogger(sink, 'trace').warn({ dropped }, 'log lines were dropped: the reader is slower than the log');
  return line;
}

/** The sink of the agent's loggers. It stays the same while the place behind it changes. */
export class LogOutput implements LogSink {
  readonly #console: FdSink;
  #port: LogPort | undefined;

  constructor(fd = STDOUT) {
    this.#console = new FdSink(fd, dropNotice);
  }

  write(line: string): void {
    (this.#port ?? this.#console).write(line);
  }

  /** Sends all later lines to `port` instead of the console. */
  redirect(port: LogPort): void {
    this.#port = port;
  }

  /** Writes to the console whatever the log is sent to: why the machine ends must be seen there. */
  lastWords(line: string): void {
    this.#console.write(line);
    this.flushConsole();
  }

  /** Blocks until the console has taken what waits for it, for half a second at most. */
  flushConsole(): void {
    this.#console.flushSync(FLUSH_MS);
  }

  /** Waits until the log port's reader has everything, for half a second at most; later lines go to the console. */
  async end(): Promise<void> {
    const port = this.#port;
    this.#port = undefined;
    if (port !== undefined) await fulfilledWithin(port.close(), FLUSH_MS);
    this.flushConsole();
  }
}
