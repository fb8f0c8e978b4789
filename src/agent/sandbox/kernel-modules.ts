/** Kernel modules that a sandbox asks for. */
import { exitCode } from '../../linux/wait.ts';
import { KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import { runCommand } from '../process/command.ts';
import type { Reaper } from '../process/reaper.ts';

const MODPROBE = '/sbin/modprobe';
/** A module's start-up code may probe hardware (ms). */
const DEADLINE_MS = 20_000;

/**
 * Loads modules, in their order.
 * @throws KataError (INTERNAL on the wire) for an empty name, or with what modprobe said.
 */
export async function loadKernelModules(reaper: Reaper, modules: readonly grpc.KernelModule[]): Promise<void> {
  for (const { name, parameters } of modules) {
    if (name === '') throw new KataError('ERR_INTERNAL', 'kernel_modules.name is empty');
    const argv = [MODPROBE, '-v', name, ...parameters];
    const { status, stdout, stderr } = await runCommand(reaper, argv, { deadlineMs: DEADLINE_MS });
    const code = exitCode(status);
    if (code === 0) continue;
    const said = `stdout: ${stdout.toString('utf8').trim()}, stderr: ${stderr.toString('utf8').trim()}`;
    throw new KataError('ERR_COMMAND', `modprobe ${name}: exit status ${code}, ${said}`);
  }
}
