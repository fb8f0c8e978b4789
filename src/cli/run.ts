/** `kata-sandbox run`: one command in a container in a machine of its own. */
import type { Command } from 'commander';
import { Sandbox } from '../host/sandbox.ts';
import type { ContainerOptions, SandboxOptions } from '../host/sandbox-options.ts';
import {
  addContainerFlags,
  type ContainerFlags,
  containerOptions,
  type MachineFlags,
  machineOptions,
} from './container-flags.ts';
import { statusOfError } from './exit-status.ts';
import { ownStreams } from './foreground.ts';
import { Interrupts } from './interrupts.ts';
import { RawTerminal, requireTerminal } from './local-terminal.ts';
import { releaseInput } from './own-input.ts';
import { complain } from './report.ts';
import { seconds } from './table.ts';

type RunFlags = ContainerFlags & MachineFlags;

/** Adds the command to the program. */
export function addRun(program: Command): void {
  const command = program
    .command('run')
    .summary('run a command in a container in a virtual machine of its own')
    .description(
      'Boots a sandbox, runs the command in a container, and takes everything back. Output and exit status are those ' +
        'of the command; 125 is a failure of our own, 126 a command that cannot run, 127 one that is missing.',
    );
  addContainerFlags(command).action(async (words: string[], flags: RunFlags) => {
    process.exitCode = await run(words, flags);
  });
}

async function run(command: readonly string[], flags: RunFlags): Promise<number> {
  const interrupts = new Interrupts();
  try {
    return await runInSandbox(command, flags, interrupts);
  } catch (error) {
    if (interrupts.status !== undefined) return interrupts.status;
    complain(error);
    return statusOfError(error);
  }
}

async function runInSandbox(command: readonly string[], flags: RunFlags, interrupts: Interrupts): Promise<number> {
  if (flags.tty === true && flags.interactive === true) requireTerminal();
  const container = await containerOptions(command, flags);
  const sandbox = await Sandbox.boot({ ...sandboxOptions(flags), signal: interrupts.signal });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= sandbox.stop();
    return stopping;
  };
  // A failure to stop shows below, where it is awaited.
  interrupts.onFirst(() => void stop().catch(() => {}));
  const status = await runContainer(sandbox, container, flags, interrupts.signal).catch(async (error: unknown) => {
    // The first failure is the one to report with the exit status; that of the clean-up is told before it.
    await stop().catch(complain);
    throw error;
  });
  await stop();
  return status;
}

async function runContainer(
  sandbox: Sandbox,
  options: ContainerOptions,
  { interactive = false }: RunFlags,
  signal: AbortSignal,
): Promise<number> {
  const id = `${sandbox.id}-1`.slice(-64);
  const terminal = interactive ? options.terminal : undefined;
  const resize = ({ rows, columns }: { readonly rows: number; readonly columns: number }): void => {
    const request = { container_id: id, exec_id: id, row: rows, column: columns };
    // One that is not there yet, or no more, has no terminal.
    sandbox.calls.agent.TtyWinResize(request, {}).catch(() => {});
  };
  using _raw = terminal === undefined ? undefined : new RawTerminal(terminal, resize);
  try {
    return await sandbox.run({ ...options, id }, ownStreams(interactive), signal);
  } finally {
    if (interactive) releaseInput();
  }
}

function sandboxOptions(flags: RunFlags): SandboxOptions {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  return {
    ...machineOptions(flags),
    ...(flags.name === undefined ? {} : { id: flags.name }),
    ...(flags.verbose === undefined
      ? {}
      : {
          onPhase: (phase, atMs) => say(`[${seconds(atMs).padStart(10)}] ${phase}`),
          onConsoleLine: (line) => say(`console: ${line}`),
          onAccelerator: say,
        }),
  };
}
