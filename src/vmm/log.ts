/** The log of kata-vmm: lines on standard error, which the shim reads, or nobody. */

/** Three levels; the last is written where `-v` was given. */
export interface Log {
  error(text: string): void;
  warn(text: string): void;
  debug(text: string): void;
}

/**
 * A log.
 * @param write takes a line, its end included; must not throw.
 * @param verbosity how many times `-v` was given.
 */
export function makeLog(write: (line: string) => void, verbosity: number): Log {
  const line = (level: string, text: string): void => write(`kata-vmm[${process.pid}] ${level}: ${text}\n`);
  return {
    error: (text) => line('error', text),
    warn: (text) => line('warning', text),
    debug: verbosity > 0 ? (text) => line('debug', text) : () => {},
  };
}
