/** Reaches the agent of a guest that is still booting. */
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../wire/error.ts';
import { AgentClient } from '../wire/ttrpc/agent-client.ts';
import { TtrpcClient } from '../wire/ttrpc/client.ts';
import { unlessAborted } from './abort.ts';

/** The agent's port. */
export const AGENT_PORT = 1024;
/** Limit of a call that does its work before it answers (ms): the shim's. */
export const CALL_TIMEOUT_MS = 60_000;
/** Pause between two tries. A refused try costs microseconds, and a longer pause would show in every start. */
const RETRY_INTERVAL_MS = 10;
/**
 * Limit of one try. A request that reached a guest without a listener can be lost without an answer, so a try must not
 * last as long as the boot may.
 */
const TRY_TIMEOUT_MS = 1_000;

/** A way to an agent: the ports of a guest, or something that has only the agent's. */
export interface AgentConnector {
  /** As VsockConnector.connect, but for the stream's own port. */
  connect(port: number, timeoutMs: number): Promise<Duplex>;
}

/** A live connection to an agent. */
export interface AgentConnection {
  readonly client: TtrpcClient;
  readonly calls: AgentClient;
}

/**
 * Tries until the agent answers a Check.
 * @param timeoutMs limit of all tries together (ms).
 * @param signal ends the tries at once; its reason is thrown.
 * @throws KataError ERR_BOOT with the last failure where the time is over.
 */
export async function connectAgent(
  vsock: AgentConnector,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<AgentConnection> {
  const deadline = performance.now() + timeoutMs;
  let last = 'no try was made';
  for (;;) {
    signal.throwIfAborted();
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) {
      throw new KataError('ERR_BOOT', `the agent did not answer within ${Math.round(timeoutMs / 1000)} s (${last})`);
    }
    try {
      return await tryOnce(vsock, leftMs, signal);
    } catch (error) {
      last = KataError.from(error).message;
    }
    signal.throwIfAborted();
    await delay(RETRY_INTERVAL_MS);
  }
}

async function tryOnce(vsock: AgentConnector, leftMs: number, signal: AbortSignal): Promise<AgentConnection> {
  const connecting = vsock.connect(AGENT_PORT, Math.min(TRY_TIMEOUT_MS, leftMs));
  // One that arrives after we gave up is nobody's.
  const dropLate = (): void => void connecting.then((late) => late.destroy()).catch(() => {});
  const stream = await unlessAborted(connecting, signal).catch((error: unknown) => {
    dropLate();
    throw error;
  });
  const client = new TtrpcClient(stream);
  const calls = new AgentClient(client);
  try {
    await calls.health.Check({}, { timeoutMs: Math.ceil(leftMs), signal });
    return { client, calls };
  } catch (error) {
    client.close();
    throw error;
  }
}
