/** The environment of a process. */

/** Where programs are looked for when the environment has no PATH: what container engines set. */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A cleaned environment and what was left out of it. */
export interface Environment {
  readonly entries: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Cleans an environment: names and values are trimmed, of several entries with one name the last counts (the runtime
 * would pass all of them on, and which one a program takes is up to the program), an entry that is no `NAME=value` is
 * dropped with a warning. A PATH is added where the program is to be looked for and there is none.
 * @param program what is to be executed, as its request names it.
 */
export function cleanEnvironment(given: readonly string[], program: string): Environment {
  const values = new Map<string, string>();
  const warnings: string[] = [];
  for (const entry of given) {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, Math.max(equals, 0)).trim();
    // Only the name is logged: a value may be a secret.
    if (name === '') warnings.push('Process.Env: an entry without `NAME=` was dropped');
    else values.set(name, entry.slice(equals + 1).trim());
  }
  if (!program.includes('/') && !values.has('PATH')) values.set('PATH', DEFAULT_PATH);
  return { entries: [...values].map(([name, value]) => `${name}=${value}`), warnings };
}
