/** `kata-sandbox rm`: removes containers and sandboxes. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { KeeperClient } from '../host/keeper/control-client.ts';
import { LostSandboxes } from '../host/keeper/lost-sandboxes.ts';
import { RUN_ROOT } from '../host/paths.ts';
import { isAlive, type Owner } from '../host/state/owner.ts';
import { StateDirectory } from '../host/state/state-dir.ts';
import { forEach, reporting } from './report.ts';
import { containerTarget, parseTarget } from './target.ts';

/** The keeper ends as soon as its answer has left (ms). */
const KEEPER_END_TIMEOUT_MS = 5_000;
const POLL_INTERVAL_MS = 10;

/** Adds the command to the program. */
export function addRm(program: Command): void {
  program
    .command('rm')
    .summary('remove containers or sandboxes')
    .description(
      'Removes a container with its log, or a sandbox with all that is in it. A sandbox goes with its last container. What ' +
        'runs is left alone without -f.',
    )
    .argument('<sandbox[/container]...>')
    .option('-f, --force', 'kill what runs')
    .action((targets: string[], { force = false }: { readonly force?: boolean }) =>
      reporting(() => forEach(targets, (name) => remove(name, force))),
    );
}

async function remove(name: string, force: boolean): Promise<void> {
  const { sandbox, container } = parseTarget(name);
  const lost = new LostSandboxes(RUN_ROOT);
  if (lost.get(sandbox) !== undefined) {
    lost.remove(sandbox);
    return;
  }
  const owner = new StateDirectory(RUN_ROOT, sandbox).owner();
  const keeper = new KeeperClient(sandbox);
  if (container === undefined) await keeper.removeAll(force);
  else await keeper.remove(containerTarget(name).container, force);
  await letKeeperEnd(sandbox, owner);
}

/** After the sandbox itself its keeper goes too; then really nothing is left. */
async function letKeeperEnd(sandbox: string, owner: Owner | undefined): Promise<void> {
  if (owner === undefined || new StateDirectory(RUN_ROOT, sandbox).owner() !== undefined) return;
  for (let waited = 0; waited < KEEPER_END_TIMEOUT_MS && isAlive(owner); waited += POLL_INTERVAL_MS) {
    await delay(POLL_INTERVAL_MS);
  }
}
