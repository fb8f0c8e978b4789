/**
 * Chooses the accelerator. `/dev/kvm` can exist and yet not run a guest: it opens, makes a machine, and then fails or
 * hangs without a word. So KVM is trusted only after a guest under it has run a program that printed a line.
 */
import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KataError } from '../wire/error.ts';
import { member } from './image-store/root-image.ts';
import { probeInitrd } from './probe-initrd.ts';
import { findProgram, mustRun } from './program.ts';
import { type Accelerator, accelerationArguments } from './qemu/arguments.ts';
import { OwnedProcess } from './qemu/process.ts';

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
/** Enough for any kernel. */
const PROBE_MEMORY_MIB = 256;
/** The guest prints it, and nothing else does. */
const WORD = 'kvm-runs-a-guest';
/** Bytes of console that are searched. */
const MAX_CONSOLE_BYTES = 1 << 20;
const KVM_DEVICE = '/dev/kvm';
/** The guest of the trial, in the cache. */
const PROBE_INITRD = 'accelerator-probe.cpio';

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
 * Chooses, and remembers the verdict per kernel and QEMU version.
 * @param guest has the kernel that the trial runs.
 * @param cacheDirectory directory of the remembered verdicts.
 */
export async function chooseAccelerator(
  qemu: Qemu,
  guest: { readonly kernel: string },
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
  const verdict = await probeKvm(qemu, guest, cacheDirectory);
  writeFileSync(file, JSON.stringify(verdict));
  return verdict;
}

function verdictKey(qemu: Qemu, guest: { readonly kernel: string }): string {
  // The host's kernel counts as well: it has the KVM module.
  const host = readFileSync('/proc/sys/kernel/osrelease', 'utf8');
  const parts = [qemu.path, qemu.version, host, guest.kernel];
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

/** Arguments of a machine whose first program prints the word and ends. */
function probeArguments(kernel: string, initrd: string): string[] {
  // When the first program ends the kernel panics, and resets at once.
  const parameters = ['console=ttyS0', 'panic=-1'];
  return [
    ...accelerationArguments('kvm'),
    ...['-machine', 'q35', '-m', `${PROBE_MEMORY_MIB}M`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', kernel, '-initrd', initrd, '-append', parameters.join(' ')],
  ];
}

/** True where the guest's program printed the word on a line of its own; the kernel prints it among others. */
export function provesGuest(console: string): boolean {
  return console.split('\n').some((line) => line.trim() === WORD);
}

/** Tries KVM with a guest of our own under the kernel given. */
async function probeKvm(
  qemu: Qemu,
  { kernel }: { readonly kernel: string },
  cacheDirectory: string,
): Promise<AcceleratorVerdict> {
  try {
    // It dies with us: a trial under a KVM that hangs would go on for ever.
    const argv = [qemu.path, ...probeArguments(kernel, placeProbeInitrd(cacheDirectory))];
    return await runProbe(await OwnedProcess.start(argv, ['ignore', 'pipe', 'pipe']));
  } catch (error) {
    return { accelerator: 'tcg', reason: `the trial of KVM does not start: ${KataError.from(error).message}` };
  }
}

/** Puts the guest of the trial into the cache, where it stays: whoever ends during a trial leaves nothing else. */
function placeProbeInitrd(cacheDirectory: string): string {
  mkdirSync(cacheDirectory, { recursive: true });
  const path = join(cacheDirectory, PROBE_INITRD);
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, probeInitrd(WORD));
  // Two processes may do this at a time; each finds a whole file.
  renameSync(aside, path);
  return path;
}

/** Runs a guest under KVM until it has proved itself, ended, or taken too long. It is killed in any case. */
function runProbe(qemu: OwnedProcess): Promise<AcceleratorVerdict> {
  const { child } = qemu;
  return new Promise((resolve) => {
    let console = '';
    let complaint = '';
    const timer = setTimeout(() => {
      settle({ accelerator: 'tcg', reason: `a guest under KVM printed nothing within ${PROBE_TIMEOUT_MS / 1000} s` });
    }, PROBE_TIMEOUT_MS);
    const settle = (verdict: AcceleratorVerdict): void => {
      clearTimeout(timer);
      qemu.kill();
      resolve(verdict);
    };
    child.stdout?.on('data', (chunk: Buffer) => {
      if (console.length < MAX_CONSOLE_BYTES) console += chunk.toString('latin1');
      if (provesGuest(console)) settle({ accelerator: 'kvm', reason: 'a guest under KVM printed a line' });
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      if (complaint.length < MAX_CONSOLE_BYTES) complaint += chunk.toString('utf8');
    });
    child.on('close', () => {
      const last = complaint.trim().split('\n').at(-1) ?? '';
      settle({ accelerator: 'tcg', reason: `a guest under KVM ended early${last === '' ? '' : `: ${last}`}` });
    });
  });
}
