import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchHealth } from '../../../src/host/health-watch.ts';
import { KataError } from '../../../src/wire/error.ts';
import type { AgentClient } from '../../../src/wire/ttrpc/agent-client.ts';

/** An agent that answers Check by `check`. */
function agentWith(check: () => Promise<object>): AgentClient {
  // Reason for the cast: the watch calls nothing else.
  return { health: { Check: check } } as unknown as AgentClient;
}

describe('watchHealth()', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('asks every five seconds while the agent answers', async () => {
    const check = vi.fn(() => Promise.resolve({}));
    const dead = vi.fn();
    const end = watchHealth(agentWith(check), dead);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(check).toHaveBeenCalledTimes(3);
    end();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(check).toHaveBeenCalledTimes(3);
    expect(dead).not.toHaveBeenCalled();
  });

  it('tells of the first failure, once', async () => {
    const check = vi.fn(() => Promise.reject(new KataError('ERR_DEADLINE', 'no answer')));
    const dead = vi.fn();
    watchHealth(agentWith(check), dead);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(dead).toHaveBeenCalledExactlyOnceWith('the agent does not answer (no answer)');
  });

  it('tells nothing of a failure after its end', async () => {
    const { promise, reject } = Promise.withResolvers<object>();
    const dead = vi.fn();
    const end = watchHealth(
      agentWith(() => promise),
      dead,
    );
    await vi.advanceTimersByTimeAsync(5_000);
    end();
    reject(new Error('closed'));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(dead).not.toHaveBeenCalled();
  });
});
