/** The debug console: shells for whoever connects to its port. */
import type { Socket } from 'node:net';
import type { AgentConfig } from '../config/config.ts';
import { type Endpoint, listen } from '../endpoint.ts';
import type { Logger } from '../log/logger.ts';
import type { Reaper } from '../process/reaper.ts';
import { ConsoleConnection } from './connection.ts';
import { startConsoleShell } from './shell.ts';

/** Shells at a time: for a few people, and an end to what a host that leaks connections can use up. */
const MAX_CONNECTIONS = 16;

/** Any context id, in an endpoint. */
const ANY_CID = -1;

/** A debug console that runs. */
export interface DebugConsole {
  /** Takes no more connections, and ends those that there are. */
  close(): void;
}

/**
 * Gives every connection to `endpoint` a terminal and a shell of its own; bytes go through as they are.
 * @throws KataError ERR_SYSCALL, such as EADDRINUSE.
 */
export async function serveConsole(endpoint: Endpoint, reaper: Reaper, logger: Logger): Promise<DebugConsole> {
  const open = new Set<ConsoleConnection>();
  const accept = (socket: Socket): void => {
    socket.on('error', (error) => logger.debug({ error }, 'debug console: connection lost'));
    if (open.size >= MAX_CONNECTIONS) {
      socket.end(`kata-agent: ${MAX_CONNECTIONS} shells are open already\r\n`, () => socket.destroy());
      return;
    }
    try {
      const connection = new ConsoleConnection(socket, reaper, logger);
      open.add(connection);
      void connection
        .run()
        .catch((error: unknown) => logger.warn({ error }, 'debug console: processes may be left'))
        .finally(() => open.delete(connection));
    } catch (error) {
      logger.warn({ error }, 'debug console: no shell');
      socket.end('kata-agent: the shell cannot be started\r\n', () => socket.destroy());
    }
  };
  const listener = await listen(endpoint, logger, accept);
  return {
    close: () => {
      listener.close();
      for (const connection of open) connection.close();
    },
  };
}

function serveMachineConsole(reaper: Reaper, logger: Logger): DebugConsole {
  const shell = startConsoleShell(reaper);
  let running = true;
  void shell.ended.then((status) => {
    running = false;
    logger.info({ status }, 'debug console: the shell has ended');
  });
  return {
    close: () => {
      if (running) process.kill(shell.pid, 'SIGKILL');
    },
  };
}

/**
 * Starts the debug console where the configuration asks for one: on its vsock port, or on the machine's console. An agent
 * whose console cannot be had does without, and says so in the log.
 * @returns undefined where there is none.
 */
export async function startDebugConsole(
  config: Pick<AgentConfig, 'debugConsole' | 'debugConsoleVport'>,
  logger: Logger,
  reaper: Reaper,
): Promise<DebugConsole | undefined> {
  const { debugConsole: wanted, debugConsoleVport: port } = config;
  if (!wanted) return undefined;
  try {
    if (port === 0) return serveMachineConsole(reaper, logger);
    return await serveConsole({ kind: 'vsock', cid: ANY_CID, port }, reaper, logger);
  } catch (error) {
    logger.warn({ error }, 'debug console: not started');
    return undefined;
  }
}
