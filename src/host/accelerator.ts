/**
 * Chooses the accelerator. `/dev/kvm` can exist and yet not run a guest: it opens, makes a machine, and then fails or
 * hangs without a word. So KVM is trusted only after a guest under it has run a program that printed a line.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { KataError } from '../wire/error.ts';
import { member } from './image-store/root-image.ts';
import { findProgram, mustRun } from './program.ts';
import { type Accelerator, accelerationArguments } from './qemu/arguments.ts';

/** QEMU on this host. */
export interface Qemu {
  readonly path: string;
  /** First line of `--version`. */
  readonly version: string;
}

/** What was chosen, and why in one line. */
export interface AcceleratorVerdict {
  readonly accelerator: Accelerator;
  readonly reason: string;
}

const VERSION_TIMEOUT_MS = 10_000;
/** A guest under working KVM reaches its first program in under a second, nested in another machine in a few. */
const PROBE_TIMEOUT_MS = 15_000;
/** Enough for a kernel and an initrd of some megabytes. */
const PROBE_MEMORY_MIB = 256;
/** The guest prints it, and QEMU's own arguments on the screen do not: it appears only joined by the echo. */
const WORD = 'kvm-runs-a-guest';
/** Bytes of console that are searched. */
const MAX_CONSOLE_BYTES = 1 << 20;
const KVM_DEVICE = '/dev/kvm';

/**
 * Finds QEMU.
 * @throws KataError ERR_HOST where it is missing.
 */
export async function findQemu(): Promise<Qemu> {
  const path = findProgram('qemu-system-x86_64', ['/usr/libexec/qemu-kvm']);
  if (path === undefined) throw new KataError('ERR_HOST', 'qemu-system-x86_64 is missing');
  const text = await mustRun([path, '--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  return { path, version: text.split('\n')[0] ?? '' };
}

/**
 * Chooses, and remembers the verdict per kernel, initrd and QEMU version.
 * @param guest kernel and initrd of the guest image; the initrd has a busybox.
 * @param cacheDirectory directory of the remembered verdicts.
 */
export async function chooseAccelerator(
  qemu: Qemu,
  guest: { readonly kernel: string; readonly initrd: string },
  cacheDirectory: string,
): Promise<AcceleratorVerdict> {
  try {
    accessSync(KVM_DEVICE, constants.R_OK | constants.W_OK);
  } catch (error) {
    return { accelerator: 'tcg', reason: `${KVM_DEVICE}: ${KataError.from(error).errno}` };
  }
  const file = join(cacheDirectory, `accelerator-${verdictKey(qemu, guest)}.json`);
  const known = readVerdict(file);
  if (known !== undefined) return known;
  const verdict = await probeKvm(qemu, guest);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(verdict));
  return verdict;
}

function verdictKey(qemu: Qemu, guest: { readonly kernel: string; readonly initrd: string }): string {
  // The host's kernel counts as well: it has the KVM module.
  const host = readFileSync('/proc/sys/kernel/osrelease', 'utf8');
  const parts = [qemu.path, qemu.version, host, guest.kernel, guest.initrd];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
}

function readVerdict(file: string): AcceleratorVerdict | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const [accelerator, reason] = [member(value, 'accelerator'), member(value, 'reason')];
    if ((accelerator !== 'kvm' && accelerator !== 'tcg') || typeof reason !== 'string') return undefined;
    return { accelerator, reason };
  } catch {
    return undefined;
  }
}

/** Arguments of a machine whose first program is the initrd's busybox, told to print a word and end. */
function probeArguments(guest: { readonly kernel: string; readonly initrd: string }): string[] {
  // The kernel gives what follows "--" to the first program; when that ends the kernel panics and resets at once.
  const parameters = ['console=ttyS0', 'rdinit=/bin/busybox', 'panic=-1', '--', 'echo', WORD];
  return [
    ...accelerationArguments('kvm'),
    ...['-machine', 'q35', '-m', `${PROBE_MEMORY_MIB}M`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', guest.kernel, '-initrd', guest.initrd, '-append', parameters.join(' ')],
  ];
}

/** True where the guest's program printed the word on a line of its own; the kernel prints it among others. */
export function provesGuest(console: string): boolean {
  return console.split('\n').some((line) => line.trim() === WORD);
}

/** Runs a guest under KVM until it has proved itself, ended, or taken too long. It is killed in any case. */
function probeKvm(
  qemu: Qemu,
  guest: { readonly kernel: string; readonly initrd: string },
): Promise<AcceleratorVerdict> {
  return new Promise((resolve) => {
    const child = spawn(qemu.path, probeArguments(guest), { stdio: ['ignore', 'pipe', 'pipe'] });
    let console = '';
    let complaint = '';
    const timer = setTimeout(() => {
      settle({ accelerator: 'tcg', reason: `a guest under KVM printed nothing within ${PROBE_TIMEOUT_MS / 1000} s` });
    }, PROBE_TIMEOUT_MS);
    const settle = (verdict: AcceleratorVerdict): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      resolve(verdict);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      if (console.length < MAX_CONSOLE_BYTES) console += chunk.toString('latin1');
      if (provesGuest(console)) settle({ accelerator: 'kvm', reason: 'a guest under KVM printed a line' });
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < MAX_CONSOLE_BYTES) complaint += chunk.toString('utf8');
    });
    child.on('error', (error) => settle({ accelerator: 'tcg', reason: `QEMU does not start: ${error.message}` }));
    child.on('close', () => {
      const last = complaint.trim().split('\n').at(-1) ?? '';
      settle({ accelerator: 'tcg', reason: `a guest under KVM ended early${last === '' ? '' : `: ${last}`}` });
    });
  });
}
