/** What happens to errors that nobody caught, and to signals. */
import type { LogOutput } from '../log/log-output.ts';
import type { Logger } from '../log/logger.ts';

/** Signals that mean "end" to an ordinary process. */
const END_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Signals whose default action would end the process, and that have no meaning for an agent. */
const IGNORED_SIGNALS = ['SIGHUP', 'SIGUSR2'] as const;

/** Logs an error that nobody caught. Must not throw: an error in here would end the process. */
function logUncaught(logger: Logger, output: LogOutput, error: unknown, what: string): void {
  try {
    logger.fatal({ error }, `${what}; going on`);
  } catch (secondError) {
    output.lastWords(`kata-agent: ${what}: ${String(error)}; and logging it failed: ${String(secondError)}\n`);
  }
}

/**
 * Keeps the agent alive: one failed request, or a mistake of ours, never ends a sandbox. The state that the error left
 * is that of one call; everything else goes on.
 */
export function surviveUncaught(logger: Logger, output: LogOutput): void {
  process.on('uncaughtException', (error) => logUncaught(logger, output, error, 'uncaught exception'));
  process.on('unhandledRejection', (reason) => logUncaught(logger, output, reason, 'unhandled rejection'));
}

/**
 * Sets what signals do. PID 1 ignores them: its end is the end of the machine, and only DestroySandbox asks for that.
 * Any other agent leaves cleanly.
 */
export function handleSignals(isInit: boolean, logger: Logger, shutdown: () => void): void {
  for (const signal of END_SIGNALS) {
    process.on(signal, () => {
      logger.info({ signal }, isInit ? 'signal ignored' : 'signal received; leaving');
      if (!isInit) shutdown();
    });
  }
  for (const signal of IGNORED_SIGNALS) process.on(signal, () => logger.debug({ signal }, 'signal ignored'));
}
