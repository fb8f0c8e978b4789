/**
 * Boots the guest image with the vsock device and, in the agent's place, the peer of the vsock tests. Nothing is built:
 * the peer's bundle is a second disk, which Node of the guest's root runs as its program.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { findImage } from '../../../src/host/image.ts';
import { kernelParameters } from '../../../src/host/kernel-cmdline.ts';
import { accelerationArguments } from '../../../src/host/qemu/arguments.ts';
import { VsockDevice } from '../../../src/host/vsock/device.ts';

const GUEST_CID = 3;
const MEMORY = '320M';
/** A disk consists of such blocks (bytes). */
const SECTOR_BYTES = 512;

/** A guest in which the peer runs. */
export interface VsockMachine {
  readonly device: VsockDevice;
  readonly hybridPath: string;
  /** What the device logged. */
  readonly lines: readonly string[];
  /** Ends the guest and the device, and removes what they left. */
  stop(): Promise<void>;
}

/** The peer as one script, filled up with line feeds to whole sectors. */
async function peerDisk(): Promise<Buffer> {
  const entryPoints = [join(import.meta.dirname, '../guest/vsock-peer.ts')];
  const { outputFiles } = await build({ entryPoints, bundle: true, platform: 'node', format: 'cjs', write: false });
  const script = Buffer.from(outputFiles[0]?.contents ?? []);
  const disk = Buffer.alloc(Math.ceil(script.length / SECTOR_BYTES) * SECTOR_BYTES, '\n');
  script.copy(disk);
  return disk;
}

function startQemu(directory: string, socketPath: string): ChildProcess {
  const image = findImage();
  // Behind "--" stand the arguments of init: here Node, and the disk that is its program.
  const init = ['init=/usr/bin/node', '--', '--disable-warning=ExperimentalWarning', '/dev/vdb'];
  const args = [
    ...['-machine', 'q35,memory-backend=mem', ...accelerationArguments('tcg'), '-smp', '1', '-m', MEMORY],
    ...['-object', `memory-backend-memfd,id=mem,size=${MEMORY},share=on`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', image.kernel, '-initrd', image.initrd, '-append', kernelParameters({ extra: init }).join(' ')],
    ...[
      '-drive',
      `if=none,id=root,file=${image.rootfs},format=raw,readonly=on`,
      '-device',
      'virtio-blk-pci,drive=root',
    ],
    ...['-drive', `if=none,id=peer,file=${join(directory, 'peer')},format=raw,readonly=on`],
    ...['-device', 'virtio-blk-pci,drive=peer'],
    ...['-chardev', `socket,id=vsock,path=${socketPath}`, '-device', 'vhost-user-vsock-pci,chardev=vsock'],
  ];
  return spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Resolves when the peer listens. @throws Error with the console where the guest ends before. */
function untilReady(qemu: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let console = '';
  qemu.stdout?.on('data', (chunk: Buffer) => {
    console += chunk.toString('latin1');
    if (console.includes('vsock peer: ready')) resolve();
  });
  qemu.on('error', reject);
  qemu.on('close', () => reject(new Error(`the guest ended:\n${console}`)));
  return promise;
}

/** Boots a guest and waits for its peer. */
export async function startVsockMachine(): Promise<VsockMachine> {
  const directory = mkdtempSync(join(tmpdir(), 'vsock-machine-'));
  const socketPath = join(directory, 'vhost.sock');
  const hybridPath = join(directory, 'hybrid.sock');
  writeFileSync(join(directory, 'peer'), await peerDisk());
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const device = await VsockDevice.open({ socketPath, hybridPath, guestCid: GUEST_CID, log });
  const qemu = startQemu(directory, socketPath);
  const stop = async (): Promise<void> => {
    if (qemu.exitCode === null && qemu.signalCode === null) {
      qemu.kill('SIGKILL');
      await once(qemu, 'exit');
    }
    await device.close();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await untilReady(qemu);
  } catch (error) {
    await stop();
    throw error;
  }
  return { device, hybridPath, lines, stop };
}
