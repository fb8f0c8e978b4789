/** Boots a guest with nothing but a console: what the image alone can do, without share, vsock or harness. */
import { spawn } from 'node:child_process';
import type { GuestImage } from '../../../src/host/image.ts';
import { kernelParameters } from '../../../src/host/kernel-cmdline.ts';
import { accelerationArguments } from '../../../src/host/qemu/arguments.ts';

/** A guest that has not powered itself off by then never will. */
const END_TIMEOUT_MS = 100_000;

/** A machine that has ended. */
export interface EndedMachine {
  /** All that it printed. */
  readonly console: string;
  /** False where it had to be killed. */
  readonly endedItself: boolean;
}

/**
 * Runs a guest until it powers itself off.
 * @param until kills the machine as soon as the console has that text.
 */
export function runOnConsole(
  image: GuestImage,
  parameters: readonly string[] = [],
  until?: string,
): Promise<EndedMachine> {
  const args = [
    ...['-machine', 'q35', ...accelerationArguments('tcg'), '-smp', '1', '-m', '256M'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...['-kernel', image.kernel, '-initrd', image.initrd],
    ...['-append', kernelParameters({ extra: parameters }).join(' ')],
    ...[
      '-drive',
      `if=none,id=root,file=${image.rootfs},format=raw,readonly=on`,
      '-device',
      'virtio-blk-pci,drive=root',
    ],
  ];
  return new Promise((resolve, reject) => {
    const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let console = '';
    const timer = setTimeout(() => qemu.kill('SIGKILL'), END_TIMEOUT_MS);
    qemu.stdout.on('data', (chunk: Buffer) => {
      console += chunk.toString('latin1');
      if (until !== undefined && console.includes(until)) qemu.kill('SIGKILL');
    });
    qemu.on('error', reject);
    qemu.on('close', (code) => {
      clearTimeout(timer);
      resolve({ console, endedItself: code === 0 });
    });
  });
}
