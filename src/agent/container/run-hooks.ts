/** Running the hooks that are the agent's to run. */
import { Buffer } from 'node:buffer';
import { exitCode } from '../../linux/wait.ts';
import type { Logger } from '../log/logger.ts';
import { runCommand } from '../process/command.ts';
import type { Reaper } from '../process/reaper.ts';
import type { Hook } from './oci-spec/hooks.ts';
import { type JsonObject, toJson } from './oci-spec/json.ts';

const MS_PER_SECOND = 1000;

/**
 * Runs hooks one after the other. One that fails is logged, and changes nothing for the container.
 * @param state the container's state, as hooks read it from their standard input.
 */
export async function runHooks(
  reaper: Reaper,
  logger: Logger,
  hooks: readonly Hook[],
  state: JsonObject,
): Promise<void> {
  const input = Buffer.from(toJson(state));
  for (const { path, args, env, timeoutSeconds } of hooks) {
    try {
      const options = { env, input, deadlineMs: timeoutSeconds * MS_PER_SECOND };
      const { status, stderr } = await runCommand(reaper, [path, ...args.slice(1)], options);
      const code = exitCode(status);
      if (code !== 0) logger.warn({ hook: path, status: code, stderr: stderr.toString('utf8') }, 'hook failed');
    } catch (error) {
      logger.warn({ error, hook: path }, 'hook failed');
    }
  }
}
