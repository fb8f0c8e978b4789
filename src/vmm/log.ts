/** The log of kata-vmm: lines on standard error, which the shim reads, or nobody; so what matters goes elsewhere, too. */

/** Three levels; the last is written where `-v` was given. */
export interface Log {
  error(text: string): void;
  warn(text: string): void;
  debug(text: string): void;
}

/**
 * A log.
 * @param write takes a line, its end included; must not throw.
 * @param toSystem takes what is not of the level debug, without a line's end; must not throw.
 * @param verbosity how many times `-v` was given.
 */
export function makeLog(
  write: (line: string) => void,
  toSystem: (level: 'error' | 'warning', text: string) => void,
  verbosity: number,
): Log {
  const prefix = `kata-vmm[${process.pid}]`;
  const both = (level: 'error' | 'warning', text: string): void => {
    write(`${prefix} ${level}: ${text}\n`);
    toSystem(level, `${prefix} ${text}`);
  };
  return {
    error: (text) => both('error', text),
    warn: (text) => both('warning', text),
    debug: verbosity > 0 ? (text) => write(`${prefix} debug: ${text}\n`) : () => {},
  };
}
