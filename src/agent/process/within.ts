/** A bound on a wait. */

/**
 * Waits for `promise`, but no longer than `ms`.
 * @returns whether it was fulfilled in time.
 * @throws what the promise rejects with, where that comes in time.
 */
export async function fulfilledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
