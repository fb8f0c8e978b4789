/** A process whose streams have connections of their own. */
import type { Logger } from '../log/logger.ts';
import type { AgentRuntime } from '../runtime.ts';
import { carryStreams } from '../stream/carry.ts';
import { dropSockets, type StreamPorts } from '../stream/passfd.ts';
import { ContainerProcess, type ProcessParts } from './process.ts';

/**
 * Makes a process with the connections that a request names the ports of, if any.
 * @param make gives the process once it was started; its streams are carried before it can be seen to end.
 * @throws what `make` throws; the connections are closed then.
 */
export async function carriedProcess(
  { passfd }: Pick<AgentRuntime, 'passfd'>,
  ports: StreamPorts,
  logger: Logger,
  make: () => Promise<ProcessParts>,
): Promise<ContainerProcess> {
  const sockets = await passfd?.takeAll(ports);
  try {
    const process = new ContainerProcess(await make());
    if (sockets !== undefined) process.holdExit(carryStreams(process, sockets, logger).outputsDone);
    return process;
  } catch (error) {
    if (sockets !== undefined) dropSockets(sockets);
    throw error;
  }
}
