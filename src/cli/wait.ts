/** `kata-sandbox wait`: waits for containers' programs to end. */
import type { Command } from 'commander';
import { KeeperClient } from '../host/keeper/control-client.ts';
import { forEach, reporting } from './report.ts';
import { containerTarget, requireNotLost } from './target.ts';

/** Adds the command to the program. */
export function addWait(program: Command): void {
  program
    .command('wait')
    .summary('wait for containers to end')
    .description('Waits for each container to end and prints its exit status, one a line.')
    .argument('<sandbox[/container]...>')
    .action((targets: string[]) =>
      reporting(() =>
        forEach(targets, async (name) => {
          process.stdout.write(`${await exitOf(name)}\n`);
        }),
      ),
    );
}

async function exitOf(name: string): Promise<number> {
  const { sandbox, container } = containerTarget(name);
  requireNotLost(sandbox);
  return await new KeeperClient(sandbox).wait(container);
}
