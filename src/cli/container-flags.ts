/** The options of `run` and `create`: the machine, and the container in it. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { ContainerOptions, SandboxOptions } from '../host/sandbox-options.ts';
import type { Volume } from '../host/share.ts';
import { localSize } from './local-terminal.ts';
import { BUILT_IN_IMAGE, rootOf } from './root-option.ts';
import { parseCount, parseEnv, parseKernelParameter, parseVolume } from './values.ts';

/** What describes a container. */
export interface ContainerFlags {
  readonly rootfs?: string;
  readonly image?: string;
  readonly env: readonly string[];
  readonly cwd?: string;
  readonly user?: string;
  readonly volume: readonly Volume[];
  readonly interactive?: boolean;
  readonly tty?: true;
}

/** What describes a machine. */
export interface MachineFlags {
  readonly name?: string;
  readonly hostname?: string;
  readonly cpus?: number;
  readonly memory?: number;
  readonly bootTimeout?: number;
  readonly kernelParameter: readonly string[];
  readonly verbose?: true;
}

const SECOND_MS = 1000;

/** Adds both sets of options, and the command as the rest of the line. */
export function addContainerFlags(command: Command): Command {
  return command
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
    .option('-i, --interactive', 'give the command its input; else it finds the end of it at once')
    .option('-t, --tty', 'give the command a terminal')
    .option('-e, --env <name=value>', 'environment of the command; may be repeated', parseEnv, [])
    .option('--cwd <dir>', 'directory in which the command starts')
    .option('--user <user[:group]>', 'names or numbers')
    .option('--hostname <name>', "the container's host name (the sandbox's name)")
    .option('-v, --volume <src:dst[:ro]>', 'a file or directory of this machine; may be repeated', parseVolume, [])
    .option('--boot-timeout <s>', 'seconds that the machine may take to come up (90)', parseCount)
    .option(
      '--kernel-parameter <key[=value]>',
      "a word for the end of the machine's kernel command line, such as agent.log=debug; may be repeated",
      parseKernelParameter,
      [],
    )
    .option('--verbose', 'show phases with their times, and the console of the machine')
    .passThroughOptions();
}

/**
 * The container that flags describe. Paths are made absolute, for a process that stands elsewhere.
 * @throws KataError for flags that exclude each other, or an image that cannot be had.
 */
export async function containerOptions(command: readonly string[], flags: ContainerFlags): Promise<ContainerOptions> {
  const { rootfs, image, env, cwd, user, volume, tty } = flags;
  const root = await rootOf({
    ...(rootfs === undefined ? {} : { rootfs: resolve(rootfs) }),
    ...(image === undefined ? {} : { image }),
  });
  return {
    root,
    command,
    env,
    volumes: volume.map((each) => ({ ...each, source: resolve(each.source) })),
    ...(cwd === undefined ? {} : { cwd }),
    ...(user === undefined ? {} : { user }),
    ...(tty === undefined ? {} : { terminal: localSize() }),
  };
}

/** The machine that flags describe. */
export function machineOptions(
  flags: MachineFlags,
): Pick<SandboxOptions, 'hostname' | 'cpus' | 'memoryMiB' | 'bootTimeoutMs' | 'kernelParameters'> {
  return {
    kernelParameters: flags.kernelParameter,
    ...(flags.hostname === undefined ? {} : { hostname: flags.hostname }),
    ...(flags.cpus === undefined ? {} : { cpus: flags.cpus }),
    ...(flags.memory === undefined ? {} : { memoryMiB: flags.memory }),
    ...(flags.bootTimeout === undefined ? {} : { bootTimeoutMs: flags.bootTimeout * SECOND_MS }),
  };
}
