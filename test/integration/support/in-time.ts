/** Limits on what a test waits for. They judge no speed: a hang shall say what hung, and end with its own test. */

import { setTimeout as delay } from 'node:timers/promises';

/** Longer than any limit of the agent's own (ms). */
const LIMIT_MS = 60_000;
/** Between two looks (ms). */
const LOOK_INTERVAL_MS = 50;

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

/**
 * Looks until something holds, and no longer than the same limit: a loop without an end would go on behind later tests.
 * @param what it is, in the words of the error.
 */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${LIMIT_MS} ms`);
    await delay(LOOK_INTERVAL_MS);
  }
}
