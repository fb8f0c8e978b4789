/** `kata-sandbox pause` and `unpause`. */
import type { Command } from 'commander';
import { KeeperClient } from '../host/keeper/control-client.ts';
import { forEach, reporting } from './report.ts';
import { containerTarget, requireNotLost } from './target.ts';

/** Adds both commands to the program. */
export function addPause(program: Command): void {
  add(program, 'pause', 'stop every process of containers where it stands', 'pause');
  add(program, 'unpause', 'let paused containers go on', 'resume');
}

function add(program: Command, name: string, description: string, call: 'pause' | 'resume'): void {
  program
    .command(name)
    .description(description)
    .argument('<sandbox[/container]...>')
    .action((targets: string[]) =>
      reporting(() =>
        forEach(targets, async (target) => {
          const { sandbox, container } = containerTarget(target);
          requireNotLost(sandbox);
          await new KeeperClient(sandbox)[call](container);
        }),
      ),
    );
}
