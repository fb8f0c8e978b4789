/** `kata-sandbox create`: a container that goes on when this command has ended. */
import type { Command } from 'commander';
import { KeeperClient } from '../host/keeper/control-client.ts';
import { launchKeeper } from '../host/keeper/launch.ts';
import { checkName, randomName } from '../host/name.ts';
import { KataError } from '../wire/error.ts';
import {
  addContainerFlags,
  type ContainerFlags,
  containerOptions,
  type MachineFlags,
  machineOptions,
} from './container-flags.ts';
import { statusOfError } from './exit-status.ts';
import { Interrupts } from './interrupts.ts';
import { complain } from './report.ts';

interface CreateFlags extends ContainerFlags, MachineFlags {
  readonly sandbox?: string;
  readonly container?: string;
}

/** Adds the command to the program. */
export function addCreate(program: Command): void {
  const command = program
    .command('create')
    .summary('run a command in a container that outlives this program')
    .description(
      'Boots a sandbox and starts the command in a container, or does so in a sandbox that runs (--sandbox), and prints ' +
        'SANDBOX/CONTAINER. Both stay until rm.',
    )
    .option('--sandbox <name>', 'adds the container to this sandbox')
    .option('--container <name>', 'name of the container (the name of the sandbox and a number)');
  addContainerFlags(command).action(async (words: string[], flags: CreateFlags) => {
    const interrupts = new Interrupts();
    try {
      process.stdout.write(`${await create(words, flags, interrupts.signal)}\n`);
    } catch (error) {
      complain(error);
      process.exitCode = interrupts.status ?? statusOfError(error);
    }
  });
}

/** @returns the names of sandbox and container. */
async function create(words: readonly string[], flags: CreateFlags, signal: AbortSignal): Promise<string> {
  const options = await containerOptions(words, flags);
  const named = flags.container === undefined ? {} : { id: checkName('container', flags.container) };
  const container = { options: { ...options, ...named }, interactive: flags.interactive === true };
  const { sandbox } = flags;
  if (sandbox !== undefined) {
    refuseMachineFlags(flags);
    return `${sandbox}/${await new KeeperClient(sandbox).create(container)}`;
  }
  const id = checkName('sandbox', flags.name ?? randomName());
  const say = (line: string): void => void (flags.verbose === true && process.stderr.write(`${line}\n`));
  const request = { sandbox: { ...machineOptions(flags), id }, container };
  return `${id}/${await launchKeeper(request, say, signal)}`;
}

function refuseMachineFlags({ name, hostname, cpus, memory, bootTimeout, kernelParameter }: CreateFlags): void {
  const given = Object.entries({
    name,
    hostname,
    cpus,
    memory,
    'boot-timeout': bootTimeout,
    'kernel-parameter': kernelParameter[0],
  });
  const [flag] = given.find(([, value]) => value !== undefined) ?? [];
  if (flag === undefined) return;
  throw new KataError('ERR_INVALID_ARGUMENT', `--${flag} describes a new sandbox, and --sandbox names one that runs`);
}
