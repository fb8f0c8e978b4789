/** Watches a guest by asking its agent for a sign of life, as Kata's shim does. */
import { KataError } from '../wire/error.ts';
import type { AgentClient } from '../wire/ttrpc/agent-client.ts';

/** Pause between two questions: the shim's. */
const CHECK_INTERVAL_MS = 5_000;
/** An agent that is silent for so long is taken for dead: the shim's limit. */
const CHECK_TIMEOUT_MS = 30_000;

/**
 * Asks until the first failure.
 * @param onDead called once with the reason.
 * @returns a function that ends the watch.
 */
export function watchHealth(calls: AgentClient, onDead: (why: string) => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const ask = async (): Promise<void> => {
    try {
      await calls.health.Check({}, { timeoutMs: CHECK_TIMEOUT_MS });
      if (!ended) timer = setTimeout(ask, CHECK_INTERVAL_MS);
    } catch (error) {
      if (!ended) onDead(`the agent does not answer (${KataError.from(error).message})`);
    }
  };
  timer = setTimeout(ask, CHECK_INTERVAL_MS);
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
