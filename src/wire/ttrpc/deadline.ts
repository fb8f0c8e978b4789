/** Timers of calls. */

/** Longest delay (ms) of a timer: Node fires one with a longer delay at once. It is 24 days; such a deadline is none. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Starts the timer of a deadline.
 * @param timeoutMs undefined, or longer than a timer can be, is no deadline.
 * @returns what clearTimeout takes.
 */
export function startDeadline(timeoutMs: number | undefined, onPassed: () => void): NodeJS.Timeout | undefined {
  return timeoutMs === undefined || timeoutMs > MAX_TIMER_MS ? undefined : setTimeout(onPassed, timeoutMs);
}
