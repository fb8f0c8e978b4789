/** `kata-sandbox kata-config`: writes and checks the files with which Kata is set up. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { checkText, verified } from '../host/kata-config/check.ts';
import { kataConfiguration, MONITORS, type Monitor } from '../host/kata-config/configuration.ts';
import { configuredFiles } from '../host/kata-config/configured-files.ts';
import { CONTAINERD_LAYOUTS, type ContainerdLayout, containerdHandler } from '../host/kata-config/containerd.ts';
import { crioDropIn } from '../host/kata-config/crio.ts';
import { isFault, type LocatedFinding, pathText } from '../host/kata-config/finding.ts';
import { kataConfigObject } from '../host/kata-config/kata-config-object.ts';
import { machineConfig } from '../host/kata-config/machine-config.ts';
import { runtimeClass } from '../host/kata-config/runtime-class.ts';
import { SHIMS, type Shim } from '../host/kata-config/shim.ts';
import { packageRoot } from '../host/package-root.ts';
import { KataError } from '../wire/error.ts';
import { reporting } from './report.ts';
import { parseCount } from './values.ts';

interface Flags {
  readonly vmm?: Monitor;
  readonly shim?: Shim;
  readonly guest?: 'image' | 'initrd';
  readonly directory?: string;
  readonly vmmPath?: string;
  readonly virtiofsd?: string;
  readonly memory?: number;
  readonly debug?: true;
  readonly handler: string;
  readonly shimPath: string;
  readonly configPath: string;
  readonly containerd: ContainerdLayout;
  readonly role: string;
  readonly pool?: string;
  readonly builder?: string;
  readonly output?: string;
  readonly check?: readonly string[];
  readonly files?: true;
}

/** What holds where no flag says otherwise: on any machine, and on a node of OpenShift, whose /usr cannot be written. */
interface Defaults {
  readonly vmm: Monitor;
  readonly directory: string;
  readonly vmmPath?: string;
  readonly virtiofsd?: string;
}
const ANY_MACHINE: Defaults = { vmm: 'kata-vmm', directory: '/usr/share/kata-containers' };
const OPENSHIFT: Defaults = {
  vmm: 'qemu',
  directory: '/var/cache/kata-containers/kata-agent-ts',
  vmmPath: '/usr/libexec/qemu-kvm',
  virtiofsd: '/usr/libexec/virtiofsd',
};

/** Where the distributions have them. */
const MONITOR_PATHS = { qemu: '/usr/bin/qemu-system-x86_64', clh: '/usr/bin/cloud-hypervisor' } as const;
/** Kata's own default, and what an emulated machine does well with, in MiB. */
const MEMORY = { qemu: 2048, clh: 2048, 'kata-vmm': 512 } as const;
/** The release whose dialect is written where none is named. */
const WRITTEN_SHIM: Shim = '3';
const OBJECT_NAMES = { MachineConfig: '99-kata-agent-ts', KataConfig: 'kata' } as const;

/** Kind of file -> its name in a directory, and its text. */
const WRITERS: ReadonlyMap<string, { readonly name: string; readonly write: (flags: Flags) => string }> = new Map([
  ['configuration', { name: 'configuration.toml', write: (flags) => configuration(flags, ANY_MACHINE) }],
  ['crio', { name: '50-kata', write: crio }],
  ['containerd', { name: 'containerd-kata.toml', write: containerd }],
  ['runtimeclass', { name: 'runtimeclass.yaml', write: ({ handler }) => runtimeClass(handler) }],
  ['machineconfig', { name: 'machineconfig.yaml', write: machine }],
  ['kataconfig', { name: 'kataconfig.yaml', write: ({ pool }) => kataConfigObject(OBJECT_NAMES.KataConfig, pool) }],
]);
const ALL = 'all';

/**
 * The archive, which any kernel starts with, but for two: `kata-vmm` loads the modules that an image needs, which costs less
 * memory, and the older shim starts Cloud Hypervisor with nothing but an image.
 */
function guestFor(vmm: Monitor, shim: Shim): 'image' | 'initrd' {
  return vmm === 'kata-vmm' || (vmm === 'clh' && shim === '2.2') ? 'image' : 'initrd';
}

function configuration(flags: Flags, defaults: Defaults): string {
  const { vmm, directory, vmmPath, virtiofsd } = { ...defaults, ...flags };
  const { shim = WRITTEN_SHIM, memory = MEMORY[vmm], debug = false } = flags;
  const guest = flags.guest ?? guestFor(vmm, shim);
  const bin = (name: string): string => join(packageRoot(), 'src/cli/bin', name);
  return kataConfiguration({
    ...{ monitor: vmm, shim, guest, directory, memory, debug },
    monitorPath: vmmPath ?? (vmm === 'kata-vmm' ? bin('kata-vmm') : MONITOR_PATHS[vmm]),
    virtiofsd: virtiofsd ?? bin('kata-virtiofsd'),
  });
}

/** CRI-O of the time of the shim 2.2 does not know the key for another path, which is why that shim finds it itself. */
function crio({ handler, shimPath, configPath, shim = WRITTEN_SHIM }: Flags): string {
  return crioDropIn({ handler, shim: shimPath, ...(shim === '2.2' ? {} : { configuration: configPath }) });
}

function containerd({ handler, configPath, containerd: layout }: Flags): string {
  return containerdHandler(handler, configPath, layout);
}

function machine(flags: Flags): string {
  const { builder, role, configPath } = flags;
  if (builder === undefined) {
    throw new KataError('ERR_INVALID_ARGUMENT', 'machineconfig needs --builder IMAGE: it builds the guest on the node');
  }
  const file = { path: configPath, text: configuration(flags, OPENSHIFT) };
  const directory = flags.directory ?? OPENSHIFT.directory;
  return machineConfig({ name: OBJECT_NAMES.MachineConfig, role, configuration: file, directory, builder });
}

/** Adds the command to the program. */
export function addKataConfig(program: Command): void {
  program
    .command('kata-config')
    .description(
      "Writes the files with which Kata runs our guest, or checks files: what in them our agent doesn't serve.",
    )
    .argument('[kind]', `${[...WRITERS.keys(), ALL].join(', ')}`, parseKind)
    .addOption(new Option('--vmm <name>', 'who runs the machine; ours, or qemu for machineconfig').choices(MONITORS))
    .addOption(new Option('--shim <release>', 'dialect of the shim; --check finds it out').choices(SHIMS))
    .addOption(new Option('--guest <form>', 'form of the guest').choices(['image', 'initrd']))
    .option('--directory <path>', `where the guest lies; ${ANY_MACHINE.directory}`)
    .option('--vmm-path <path>', 'program of --vmm')
    .option('--virtiofsd <path>', 'virtiofsd; ours runs any')
    .option('--memory <mib>', 'memory of a machine', parseCount)
    .option('--debug', 'logs of everything, and a shell in the guest')
    .option('--handler <name>', 'name of the runtime', 'kata')
    .option('--shim-path <path>', 'the shim', '/usr/bin/containerd-shim-kata-v2')
    .option('--config-path <path>', "Kata's configuration", '/etc/kata-containers/configuration.toml')
    .option('--containerd <layout>', `of config.toml: ${CONTAINERD_LAYOUTS.join(' or ')}`, parseLayout, 2)
    .option('--role <pool>', 'machineconfig: pool of nodes', 'worker')
    .option('--pool <label>', 'kataconfig: label of the nodes; all workers without it')
    .option('--builder <image>', 'machineconfig: container image with this package')
    .option('-o, --output <path>', `file to write; a directory for "${ALL}"; standard output without it`)
    .option('--check <file...>', 'check these; the exit status is 1 where one is unfit')
    .option('--files', 'with --check: also look whether the files that a configuration names are there')
    .action(async (kind: string | undefined, flags: Flags) => {
      await reporting(() =>
        Promise.resolve(flags.check === undefined ? write(kind, flags) : check(flags.check, flags)),
      );
    });
}

function parseKind(text: string): string {
  if (text === ALL || WRITERS.has(text)) return text;
  throw new InvalidArgumentError(`It must be one of ${[...WRITERS.keys(), ALL].join(', ')}.`);
}

function parseLayout(text: string): ContainerdLayout {
  const layout = CONTAINERD_LAYOUTS.find((each) => `${each}` === text);
  if (layout === undefined) throw new InvalidArgumentError(`It must be ${CONTAINERD_LAYOUTS.join(' or ')}.`);
  return layout;
}

/** Nothing is written before everything has passed its own check. */
function write(kind: string | undefined, flags: Flags): number {
  if (kind === undefined) throw new KataError('ERR_INVALID_ARGUMENT', 'give a kind of file, or --check FILE');
  const { output } = flags;
  // All but the one for which nothing stands by itself.
  const wanted =
    kind === ALL ? [...WRITERS.keys()].filter((each) => each !== 'machineconfig' || flags.builder) : [kind];
  const texts = wanted.flatMap((each) => {
    const writer = WRITERS.get(each);
    return writer === undefined
      ? []
      : [{ name: writer.name, text: verified(writer.write(flags), flags.shim ?? WRITTEN_SHIM) }];
  });
  for (const { name, text } of texts) {
    const path = kind === ALL && output !== undefined ? join(output, name) : output;
    if (path === undefined) process.stdout.write(kind === ALL ? `# ${name}\n${text}\n` : text);
    else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }
  return 0;
}

/** @returns 1 where a file is unfit. */
function check(paths: readonly string[], { shim, files }: Flags): number {
  let status = 0;
  for (const path of paths) {
    const text = readFileSync(path, 'utf8');
    const { what, findings } = checkText(text, shim);
    const all = files === true ? [...findings, ...missingFiles(text)] : findings;
    process.stdout.write(`${path}: ${what}: ${summary(all)}\n`);
    for (const finding of all) process.stdout.write(`${path}:${lineText(finding)}\n`);
    if (all.some(isFault)) status = 1;
  }
  return status;
}

function summary(findings: readonly LocatedFinding[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of findings) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return findings.length === 0 ? 'all served' : [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
}

function lineText({ line, kind, path, text }: LocatedFinding): string {
  return `${line ?? '-'}: ${kind}: ${path.length === 0 ? '' : `${pathText(path)}: `}${text}`;
}

function missingFiles(text: string): LocatedFinding[] {
  return configuredFiles(text).flatMap(({ path, line, file }): LocatedFinding[] => {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isFile() === true && found.size > 0) return [];
    const reason = found === undefined ? 'is not there' : found.isFile() ? 'is empty' : 'is no file';
    return [{ kind: 'wrong', path, line, text: `${JSON.stringify(file)} ${reason}` }];
  });
}
