/** The hidden command that `create` leaves behind. */
import type { Command } from 'commander';
import { KEEPER_COMMAND } from '../host/keeper/launch.ts';
import { keeperMain } from '../host/keeper/main.ts';

/** Adds the command to the program. */
export function addKeeper(program: Command): void {
  program
    .command(KEEPER_COMMAND, { hidden: true })
    // It shows whose keeper it is in a list of processes.
    .argument('<sandbox>')
    .action(async () => {
      process.exit(await keeperMain());
    });
}
