/** Boots a form of the guest that Kata's shim loads, in plain QEMU, to the agent's first answer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAgent } from '../../../src/host/agent-connection.ts';
import { accelerationArguments } from '../../../src/host/qemu/arguments.ts';
import { VsockDevice } from '../../../src/host/vsock/device.ts';
import { KataError } from '../../../src/wire/error.ts';
import { guestOutput } from './guest-shell.ts';

const GUEST_CID = 3;
/** What the shims' files give a machine at least. */
const MEMORY_MIB = 256;
/** An emulated guest answers in 4 s to 8 s; this only stops a hang. */
const BOOT_LIMIT_MS = 120_000;

/** As what the machine has the image: an NVDIMM as Kata's QEMU, virtio-pmem as its Cloud Hypervisor, or a disk. */
export type RootDevice = 'nvdimm' | 'virtio-pmem' | 'disk';

/** A machine. */
export interface KataMachineOptions {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
  /** The image, and as what it is there. */
  readonly root?: { readonly image: string; readonly device: RootDevice };
  /** True for a virtio console in the place of the serial line, as the shim's own QEMU has it. */
  readonly isConsoleVirtio?: boolean;
  /** A script for the guest's debug console, which the command line must ask for. */
  readonly script?: string;
}

/** What came of it. */
export interface Served {
  /** Answer of Check: 1 is SERVING. */
  readonly status: number;
  /** All that the guest printed. */
  readonly console: string;
  /** What the script printed; nothing where there was none. */
  readonly output: string;
  /** From QEMU's start to the answer (ms). */
  readonly tookMs: number;
}

function rootArguments(root: KataMachineOptions['root']): string[] {
  if (root === undefined) return [];
  const { image, device } = root;
  if (device === 'disk') {
    const drive = ['-drive', `if=none,id=image,file=${image},format=raw,readonly=on`];
    return [...drive, '-device', 'virtio-blk-pci,drive=image'];
  }
  const file = `memory-backend-file,id=image,mem-path=${image},size=${statSync(image).size}`;
  return device === 'nvdimm'
    ? ['-object', `${file},share=on,readonly=on`, '-device', 'nvdimm,memdev=image,unarmed=on']
    : // Written to nowhere, as Cloud Hypervisor's discard_writes.
      ['-object', `${file},share=off`, '-device', 'virtio-pmem-pci,memdev=image'];
}

function consoleArguments(isVirtio: boolean): string[] {
  if (!isVirtio) return ['-serial', 'stdio'];
  return ['-chardev', 'stdio,id=console', '-device', 'virtio-serial-pci', '-device', 'virtconsole,chardev=console'];
}

function start(options: KataMachineOptions, socketPath: string): ChildProcess {
  const { kernel, initrd, commandLine, root } = options;
  const imageMiB = root === undefined ? 0 : Math.ceil(statSync(root.image).size / (1 << 20));
  const machine = ['q35', 'memory-backend=mem', ...(root?.device === 'nvdimm' ? ['nvdimm=on'] : [])];
  const args = [
    ...['-machine', machine.join(','), ...accelerationArguments('tcg'), '-smp', '1'],
    ...['-m', imageMiB === 0 ? `${MEMORY_MIB}M` : `${MEMORY_MIB}M,slots=1,maxmem=${MEMORY_MIB + imageMiB}M`],
    ...['-object', `memory-backend-memfd,id=mem,size=${MEMORY_MIB}M,share=on`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...consoleArguments(options.isConsoleVirtio === true),
    ...['-kernel', kernel, '-initrd', initrd, '-append', commandLine],
    ...rootArguments(root),
    ...['-chardev', `socket,id=vsock,path=${socketPath}`, '-device', 'vhost-user-vsock-pci,chardev=vsock'],
  ];
  return spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Boots, asks the agent whether it serves, and ends the machine.
 * @throws KataError with what the guest printed where it does not come to that.
 */
export async function bootToCheck(options: KataMachineOptions): Promise<Served> {
  const directory = mkdtempSync(join(tmpdir(), 'kata-machine-'));
  const socketPath = join(directory, 'vhost.sock');
  const device = await VsockDevice.open({
    ...{ socketPath, hybridPath: join(directory, 'hybrid.sock'), guestCid: GUEST_CID },
    log: () => {},
  });
  const startedMs = performance.now();
  const qemu = start(options, socketPath);
  const ended = new AbortController();
  let console = '';
  for (const stream of [qemu.stdout, qemu.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      console += chunk.toString('latin1');
    });
  }
  qemu.on('close', () => ended.abort(new KataError('ERR_BOOT', 'the machine has ended')));
  try {
    const { client, calls } = await connectAgent(device, BOOT_LIMIT_MS, ended.signal);
    const { status } = await calls.health.Check({}, { timeoutMs: BOOT_LIMIT_MS });
    client.close();
    const tookMs = performance.now() - startedMs;
    const output = options.script === undefined ? '' : await guestOutput(device, options.script);
    return { status, console, output, tookMs };
  } catch (error) {
    throw new KataError('ERR_BOOT', `${KataError.from(error).message}:\n${console}`, { cause: error });
  } finally {
    if (qemu.exitCode === null && qemu.signalCode === null) {
      qemu.kill('SIGKILL');
      await once(qemu, 'exit');
    }
    await device.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
