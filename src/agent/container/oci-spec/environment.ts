/** The environment of a process. */

/** A cleaned environment and what was left out of it. */
export interface Environment {
  readonly entries: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Cleans an environment: names and values are trimmed, of several entries with one name the last counts (the runtime
 * would pass all of them on, and which one a program takes is up to the program), an entry that is no `NAME=value` is
 * dropped with a warning.
 */
export function cleanEnvironment(given: readonly string[]): Environment {
  const values = new Map<string, string>();
  const warnings: string[] = [];
  for (const entry of given) {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, Math.max(equals, 0)).trim();
    // Only the name is logged: a value may be a secret.
    if (name === '') warnings.push('Process.Env: an entry without `NAME=` was dropped');
    else values.set(name, entry.slice(equals + 1).trim());
  }
  return { entries: [...values].map(([name, value]) => `${name}=${value}`), warnings };
}
