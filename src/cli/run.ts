/** `kata-sandbox run`: one command in a container in a machine of its own. */
import type { Command } from 'commander';
import { sinkTo } from '../host/output.ts';
import { Sandbox } from '../host/sandbox.ts';
import type { SandboxOptions } from '../host/sandbox-options.ts';
import type { Volume } from '../host/share.ts';
import { KataError } from '../wire/error.ts';
import { statusOfError } from './exit-status.ts';
import { Interrupts } from './interrupts.ts';
import { BUILT_IN_IMAGE, rootOf } from './root-option.ts';
import { seconds } from './table.ts';
import { parseCount, parseEnv, parseVolume } from './values.ts';

interface RunFlags {
  readonly rootfs?: string;
  readonly image?: string;
  readonly name?: string;
  readonly cpus?: number;
  readonly memory?: number;
  readonly env: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly hostname?: string;
  readonly volume: readonly Volume[];
  readonly bootTimeout?: number;
  readonly verbose?: true;
}

const SECOND_MS = 1000;

/** Adds the command to the program. */
export function addRun(program: Command): void {
  program
    .command('run')
    .summary('run a command in a container in a virtual machine of its own')
    .description(
      'Boots a sandbox, runs the command in a container, and takes everything back. Output and exit status are those ' +
        'of the command; 125 is a failure of our own, 126 a command that cannot run, 127 one that is missing.',
    )
    .argument('[command...]', "the command and its arguments, after --; the image's own where it is left out")
    .option(
      '--rootfs <dir>',
      "a directory as the container's root, as it is: what the container writes is written there",
    )
    .option(
      '--image <ref>',
      `"${BUILT_IN_IMAGE}" (built in, the default), a directory with an OCI layout, docker-archive:FILE, or a registry's reference; ` +
        'what the container writes is thrown away',
    )
    .option('--name <name>', 'name of the sandbox')
    .option('--cpus <n>', 'processors of the machine (1)', parseCount)
    .option('--memory <MiB>', 'memory of the machine (256)', parseCount)
    .option('-e, --env <name=value>', 'environment of the command; may be repeated', parseEnv, [])
    .option('--cwd <dir>', 'directory in which the command starts')
    .option('--user <user[:group]>', 'names or numbers')
    .option('--hostname <name>', "the container's host name (the sandbox's name)")
    .option('-v, --volume <src:dst[:ro]>', 'a file or directory of this machine; may be repeated', parseVolume, [])
    .option('--boot-timeout <s>', 'seconds that the machine may take to come up (90)', parseCount)
    .option('--verbose', 'show phases with their times, and the console of the machine')
    .passThroughOptions()
    .action(async (command: string[], flags: RunFlags) => {
      process.exitCode = await run(command, flags);
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
  const root = await rootOf(flags);
  const sandbox = await Sandbox.boot({ ...sandboxOptions(flags), signal: interrupts.signal });
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= sandbox.stop();
    return stopping;
  };
  // A failure to stop shows below, where it is awaited.
  interrupts.onFirst(() => void stop().catch(() => {}));
  const { env, cwd, user, volume } = flags;
  const options = {
    root,
    command,
    env,
    volumes: volume,
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
  };
  const output = { stdout: sinkTo(process.stdout), stderr: sinkTo(process.stderr) };
  const status = await sandbox.run(options, output, interrupts.signal).catch(async (error: unknown) => {
    // The first failure is the one to report with the exit status; that of the clean-up is told before it.
    await stop().catch(complain);
    throw error;
  });
  await stop();
  return status;
}

function complain(error: unknown): void {
  process.stderr.write(`kata-sandbox: ${KataError.from(error).message}\n`);
}

function sandboxOptions(flags: RunFlags): SandboxOptions {
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  return {
    ...(flags.name === undefined ? {} : { id: flags.name }),
    ...(flags.hostname === undefined ? {} : { hostname: flags.hostname }),
    ...(flags.cpus === undefined ? {} : { cpus: flags.cpus }),
    ...(flags.memory === undefined ? {} : { memoryMiB: flags.memory }),
    ...(flags.bootTimeout === undefined ? {} : { bootTimeoutMs: flags.bootTimeout * SECOND_MS }),
    ...(flags.verbose === undefined
      ? {}
      : {
          onPhase: (phase, atMs) => say(`[${seconds(atMs).padStart(10)}] ${phase}`),
          onConsoleLine: (line) => say(`console: ${line}`),
          onAccelerator: say,
        }),
  };
}
