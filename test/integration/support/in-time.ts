/** Limits on what a test waits for. They judge no speed: a hang shall say what hung, and end with its own test. */

/** Longer than any limit of the agent's own (ms). */
const LIMIT_MS = 60_000;

/**
 * Waits for `work`, but not for ever.
 * @param what it is, in the words of the error.
 * @throws Error where it takes too long; else what the work throws.
 */
export async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`${what}: nothing within ${LIMIT_MS} ms`)), LIMIT_MS);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
