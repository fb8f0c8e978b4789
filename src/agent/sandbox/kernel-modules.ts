/** Kernel modules that a sandbox asks for. */
import { exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import { runModprobe } from '../process/modprobe.ts';
import type { Reaper } from '../process/reaper.ts';

/**
 * Loads modules, in their order.
 * @throws KataError (INTERNAL on the wire) for an empty name, or with what modprobe said.
 */
export async function loadKernelModules(reaper: Reaper, modules: readonly grpc.KernelModule[]): Promise<void> {
  for (const { name, parameters } of modules) {
    if (name === '') throw new KataError('ERR_INTERNAL', 'kernel_modules.name is empty');
    const { status, stdout, stderr } = await runModprobe(reaper, ['-v', name, ...parameters]);
    const code = exitCode(status);
    if (code === 0) continue;
    const said = `stdout: ${stdout.toString('utf8').trim()}, stderr: ${stderr.toString('utf8').trim()}`;
    throw new KataError('ERR_COMMAND', `modprobe ${name}: exit status ${code}, ${said}`);
  }
}
