/** The agent's own command line. */
import { parseArgs } from 'node:util';
import { KataError } from '../wire/error.ts';

/** What the agent was started to do. */
export type AgentArguments =
  | { readonly kind: 'version' }
  | { readonly kind: 'serve'; readonly configFile: string | undefined };

/**
 * Parses the arguments: `-v`/`--version`, `-c FILE`/`--config FILE`.
 * @param args without the program.
 * @param isInit the kernel hands PID 1 the words of its command line that it does not know itself; they are no
 *   business of ours and must not stop the machine.
 * @throws KataError ERR_INVALID_ARGUMENT naming the argument.
 */
export function parseArguments(args: readonly string[], isInit: boolean): AgentArguments {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { version: { type: 'boolean', short: 'v' }, config: { type: 'string', short: 'c' } },
      strict: !isInit,
      allowPositionals: isInit,
    });
    if (values.version === true) return { kind: 'version' };
    return { kind: 'serve', configFile: typeof values.config === 'string' ? values.config : undefined };
  } catch (error) {
    throw new KataError('ERR_INVALID_ARGUMENT', error instanceof Error ? error.message : String(error));
  }
}
