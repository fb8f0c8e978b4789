/** `kata-sandbox exec`: another command in a container that runs. */
import type { Command } from 'commander';
import { connectToSandbox } from '../host/running-sandbox.ts';
import { joinProcess } from './foreground.ts';
import { localSize, requireTerminal } from './local-terminal.ts';
import { reporting } from './report.ts';
import { containerTarget, requireNotLost, TARGET, whyGone } from './target.ts';
import { parseEnv } from './values.ts';

interface ExecFlags {
  readonly interactive?: true;
  readonly tty?: true;
  readonly env: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
}

/** Adds the command to the program. */
export function addExec(program: Command): void {
  program
    .command('exec')
    .summary('run another command in a container')
    .description(
      'Runs a command in a container that runs. Output and exit status are those of the command; 125 is a failure of our ' +
        'own, 126 a command that cannot run, 127 one that is missing. SIGINT, SIGTERM and SIGHUP go to the command; the ' +
        'second one gives it up.',
    )
    .argument(TARGET, 'the container; the first one of a sandbox that is named alone')
    .argument('<command...>', 'the command and its arguments')
    .option('-i, --interactive', 'give the command our input; else it finds the end of it at once')
    .option('-t, --tty', 'give the command a terminal')
    .option('-e, --env <name=value>', 'environment of the command; may be repeated', parseEnv, [])
    .option('-w, --workdir <dir>', "directory in which the command starts (the container's)")
    .option('-u, --user <user[:group]>', "names of the container, or numbers (the container's)")
    .passThroughOptions()
    .action((target: string, words: string[], flags: ExecFlags) => reporting(() => exec(target, words, flags)));
}

async function exec(name: string, words: readonly string[], flags: ExecFlags): Promise<number> {
  const { interactive = false, tty = false, env, workdir, user } = flags;
  if (tty && interactive) requireTerminal();
  const target = containerTarget(name);
  requireNotLost(target.sandbox);
  const sandbox = await connectToSandbox(target.sandbox);
  try {
    const terminal = tty ? localSize() : undefined;
    const guest = await sandbox.container(target.container).exec({
      // What follows the name is the command's, and so is a -- that stands there for us.
      command: words[0] === '--' ? words.slice(1) : words,
      env,
      ...(workdir === undefined ? {} : { cwd: workdir }),
      ...(user === undefined ? {} : { user }),
      ...(terminal === undefined ? {} : { terminal }),
    });
    return await joinProcess(guest, interactive, terminal);
  } catch (error) {
    throw await whyGone(target.sandbox, error);
  } finally {
    sandbox.close();
  }
}
