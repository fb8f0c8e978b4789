/** Waiting for the kernel to get something done that it does not announce. */
import { setTimeout as sleep } from 'node:timers/promises';

/** First and longest pause between two looks (ms): most things are done in the first few. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/**
 * Looks again and again until `done` says so.
 * @returns false where `deadlineMs` passed before.
 * @throws what `done` throws.
 */
export async function eventually(done: () => boolean, deadlineMs: number): Promise<boolean> {
  const end = performance.now() + deadlineMs;
  for (let pause = FIRST_PAUSE_MS; !done(); pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    if (performance.now() >= end) return false;
    await sleep(pause);
  }
  return true;
}
