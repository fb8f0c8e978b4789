/** `kata-sandbox doctor`: what this machine has, what it lacks, and what helps. */
import { accessSync, constants, existsSync } from 'node:fs';
import type { Command } from 'commander';
import { chooseAccelerator, findQemu } from '../host/accelerator.ts';
import { findImage } from '../host/image.ts';
import { cacheRoot } from '../host/paths.ts';
import { mayMount } from '../host/privileges.ts';
import { findProgram } from '../host/program.ts';
import { findVirtiofsd } from '../host/virtiofsd.ts';
import { VHOST_VSOCK } from '../host/vsock-choice.ts';
import { KataError } from '../wire/error.ts';
import { table } from './table.ts';

/** Result of one look. `missing` stops a sandbox from running; `without` costs speed or a feature. */
type Finding =
  | { readonly state: 'ok'; readonly text: string }
  | { readonly state: 'without' | 'missing'; readonly text: string; readonly hint: string };

interface Check {
  readonly name: string;
  readonly look: () => Promise<Finding> | Finding;
}

const CHECKS: readonly Check[] = [
  { name: 'privileges', look: privileges },
  { name: 'qemu', look: async () => ok((await findQemu()).version) },
  { name: '/dev/kvm', look: () => device('/dev/kvm', 'without it guests are emulated: five to ten times slower') },
  { name: 'accelerator', look: accelerator },
  { name: VHOST_VSOCK, look: () => device(VHOST_VSOCK, 'not needed: our own vsock device is used') },
  { name: 'virtiofsd', look: virtiofsd },
  { name: 'setpriv', look: () => program('setpriv', 'missing', 'install util-linux') },
  { name: 'guest image', look: image },
  { name: 'crun', look: () => program('crun', 'missing', 'install crun: the image takes it from this machine') },
  { name: 'mkfs.erofs', look: () => program('mkfs.erofs', 'missing', 'install erofs-utils: it makes the image') },
  { name: 'busybox', look: () => program('busybox', 'missing', 'install busybox-static: the initrd needs it') },
  { name: 'skopeo', look: () => program('skopeo', 'without', 'install skopeo for images other than busybox') },
  { name: 'umoci', look: () => program('umoci', 'without', 'install umoci for images other than busybox') },
];

/** Adds the command to the program. */
export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Tells what this machine has and lacks. The exit status is 1 where no sandbox can run.')
    .action(async () => {
      const findings = await Promise.all(CHECKS.map(async (check) => ({ check, finding: await examine(check) })));
      const rows = findings.map(({ check, finding }) => [
        finding.state,
        check.name,
        finding.state === 'ok' ? finding.text : `${finding.text} (${finding.hint})`,
      ]);
      for (const line of table(rows)) process.stdout.write(`${line}\n`);
      if (findings.some(({ finding }) => finding.state === 'missing')) process.exitCode = 1;
    });
}

/** A look that fails has found what is missing. */
async function examine(check: Check): Promise<Finding> {
  try {
    return await check.look();
  } catch (error) {
    return { state: 'missing', text: KataError.from(error).message, hint: 'npm start installs it where it may' };
  }
}

function ok(text: string): Finding {
  return { state: 'ok', text };
}

function program(name: string, state: 'missing' | 'without', hint: string): Finding {
  const path = findProgram(name);
  return path === undefined ? { state, text: 'not found', hint } : ok(path);
}

function device(path: string, hint: string): Finding {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return ok('can be opened');
  } catch {
    return { state: 'without', text: existsSync(path) ? 'may not be opened' : 'not there', hint };
  }
}

function privileges(): Finding {
  return mayMount()
    ? ok(`user ${process.getuid?.()}, may mount`)
    : { state: 'missing', text: 'may not mount', hint: 'run as root' };
}

async function virtiofsd(): Promise<Finding> {
  const { path, kind, version } = await findVirtiofsd();
  return ok(`${path}, the ${kind === 'c' ? 'C' : 'Rust'} one: ${version}`);
}

async function accelerator(): Promise<Finding> {
  const verdict = await chooseAccelerator(await findQemu(), findImage(), cacheRoot());
  return verdict.accelerator === 'kvm'
    ? ok(`KVM (${verdict.reason})`)
    : { state: 'without', text: `TCG (${verdict.reason})`, hint: 'guests are emulated' };
}

function image(): Finding {
  const { kernelVersion, kernelOrigin, id } = findImage();
  return ok(`kernel ${kernelVersion} (${kernelOrigin}), image ${id.slice(0, 12)} in ${cacheRoot()}`);
}
