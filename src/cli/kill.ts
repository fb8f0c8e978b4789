/** `kata-sandbox kill`: a signal to a container's first process. */
import type { Command } from 'commander';
import { KeeperClient } from '../host/keeper/control-client.ts';
import { forEach, reporting } from './report.ts';
import { containerTarget, requireNotLost } from './target.ts';
import { parseSignal } from './values.ts';

const SIGKILL = 9;

/** Adds the command to the program. */
export function addKill(program: Command): void {
  program
    .command('kill')
    .summary('send a signal to containers')
    .description("Sends a signal to a container's first process; SIGKILL goes to every process of the container.")
    .argument('<sandbox[/container]...>')
    .option('-s, --signal <signal>', 'name or number (KILL)', parseSignal, SIGKILL)
    .action((targets: string[], { signal }: { readonly signal: number }) =>
      reporting(() =>
        forEach(targets, async (name) => {
          const { sandbox, container } = containerTarget(name);
          requireNotLost(sandbox);
          await new KeeperClient(sandbox).signal(container, signal);
        }),
      ),
    );
}
