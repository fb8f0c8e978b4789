/** Containers in a sandbox that the tests of a file share. */
import { busyboxImage } from '../../../src/host/image-store/busybox.ts';
import { collector } from '../../../src/host/output.ts';
import { imageRoot } from '../../../src/host/paths.ts';
import type { Sandbox } from '../../../src/host/sandbox.ts';
import type { ContainerOptions, ContainerRoot } from '../../../src/host/sandbox-options.ts';

/** What a command in a container gave. */
export interface RunResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** The built-in image as a root. */
export async function busyboxRoot(): Promise<ContainerRoot> {
  return { kind: 'image', image: await busyboxImage(imageRoot()) };
}

/** Runs a command in a new busybox container and collects what it prints. */
export async function runIn(
  sandbox: Sandbox,
  command: readonly string[],
  options: Partial<ContainerOptions> = {},
): Promise<RunResult> {
  const [stdout, stderr] = [collector(), collector()];
  const root = options.root ?? (await busyboxRoot());
  const code = await sandbox.run({ ...options, root, command }, { stdout: stdout.sink, stderr: stderr.sink });
  return { code, stdout: stdout.bytes(), stderr: stderr.bytes() };
}

/** As {@link runIn} with a line for busybox's shell. */
export function shellIn(sandbox: Sandbox, script: string, options: Partial<ContainerOptions> = {}): Promise<RunResult> {
  return runIn(sandbox, ['/bin/sh', '-c', script], options);
}
