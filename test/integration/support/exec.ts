/** Processes in a container that runs, for tests that need many of them. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Container } from '../../../src/host/container.ts';
import { buildSpec, DEFAULT_PATH } from '../../../src/host/oci-spec/spec.ts';
import { collector } from '../../../src/host/output.ts';

import { Sandbox } from '../../../src/host/sandbox.ts';
import type { ContainerOptions } from '../../../src/host/sandbox-options.ts';
import type { grpc } from '../../../src/wire/generated/proto.js';
import { busyboxRoot, type RunResult } from './sandbox.ts';
import { WAYS, type Way } from './soak.ts';

/** A sandbox with one container that does nothing. */
export interface Guest {
  readonly sandbox: Sandbox;
  readonly container: Container;
  readonly way: Way;
  /** Who started processes, container by container, as the agent has logged it. */
  readonly starts: Starts;
}

/** Counts by whom the agent had processes started. */
class Starts {
  readonly #counts = new Map<string, number>();

  /** Takes a line of the agent's log. */
  take(line: string): void {
    const [, container, by] = /"container-id":"([^"]+)","by":"(launcher|runtime)"/.exec(line) ?? [];
    if (container === undefined || by === undefined) return;
    const key = `${container} ${by}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  /** How many in that container; in all where none is named. */
  by(way: Way, container?: string): number {
    if (container !== undefined) return this.#counts.get(`${container} ${way}`) ?? 0;
    return [...this.#counts].reduce((sum, [key, times]) => (key.endsWith(` ${way}`) ? sum + times : sum), 0);
  }
}

/** A thread of the launcher is ready after a few starts by the runtime; so many mean that it never will be. */
const MAX_FIRST_STARTS = 50;

/** Boots a sandbox with a container in it. */
export async function startGuest(id: string, way: Way, options: Partial<ContainerOptions> = {}): Promise<Guest> {
  const parameters = WAYS.find((each) => each.way === way)?.parameters ?? [];
  const starts = new Starts();
  const sandbox = await Sandbox.boot({
    id,
    kernelParameters: [...parameters, 'agent.log=debug'],
    onConsoleLine: (line) => starts.take(line),
  });
  const container = await sandbox.createContainer({
    command: ['sleep', '1000000'],
    ...options,
    root: await busyboxRoot(),
  });
  await container.start();
  const guest = { sandbox, container, way, starts };
  await untilStartedBy(guest, container.id, {});
  return guest;
}

/**
 * Starts processes until one is started in the guest's way: the launcher's first thread of a kind takes a moment, in
 * which the runtime steps in.
 */
export async function untilStartedBy(guest: Guest, container: string, process: grpc.IProcess): Promise<void> {
  const { sandbox, starts, way } = guest;
  for (let turn = 0; starts.by(way, container) === 0; turn += 1) {
    if (turn === MAX_FIRST_STARTS) throw new Error(`nothing was started by the ${way} in ${container}`);
    const ref = { container_id: container, exec_id: randomUUID() };
    const defaults = { User: {}, Env: [DEFAULT_PATH], Cwd: '/' };
    await sandbox.calls.agent.ExecProcess({ ...ref, process: { ...defaults, ...process, Args: ['true'] } });
    await sandbox.calls.agent.WaitProcess(ref);
  }
}

/** What may be asked of an exec. */
export type ExecOptions = Parameters<Container['exec']>[0];

/** What may be said of a process that {@link execIn} runs. */
export interface ExecInOptions extends Omit<ExecOptions, 'command'> {
  /** Its input; none where it is absent. */
  readonly input?: string | Uint8Array;
}

/** Runs a command in a container to its end and collects what it prints. */
export async function execIn(
  container: Container,
  command: readonly string[],
  { input, ...options }: ExecInOptions = {},
): Promise<RunResult> {
  const [stdout, stderr] = [collector(), collector()];
  const running = await container.exec({ ...options, command });
  const stdin = input === undefined ? undefined : Readable.from([Buffer.from(input)], { objectMode: false });
  await running.carry({ stdin, stdout: stdout.sink, stderr: stderr.sink });
  return { code: await running.wait(), stdout: stdout.bytes(), stderr: stderr.bytes() };
}

/** As {@link execIn} with a line for busybox's shell. */
export function shellExec(container: Container, script: string, options: ExecInOptions = {}): Promise<RunResult> {
  return execIn(container, ['sh', '-c', script], options);
}

/** Finds processes of a container by their whole command line. @returns their pids there. */
export async function processesOf(container: Container, commandLine: string): Promise<string[]> {
  const script = `for each in /proc/[0-9]*; do
      if [ "$(tr '\\0' ' ' <$each/cmdline 2>/dev/null)" = "${commandLine} " ]; then echo \${each#/proc/}; fi
    done`;
  const { stdout } = await shellExec(container, script);
  return stdout
    .toString()
    .split('\n')
    .filter((pid) => pid !== '');
}

/** A process as requests name it. */
export interface ProcessRef {
  readonly container_id: string;
  readonly exec_id: string;
}

/** Starts a process by the call that the shim makes, without any stream of its own. */
export async function rawExec(
  { sandbox, container }: Guest,
  args: readonly string[],
  process: grpc.IProcess = {},
): Promise<ProcessRef> {
  const ref = { container_id: container.id, exec_id: randomUUID() };
  await sandbox.calls.agent.ExecProcess({
    ...ref,
    process: { User: {}, Args: [...args], Env: [DEFAULT_PATH], Cwd: '/', ...process },
  });
  return ref;
}

/** What {@link createRaw} changes in the request of an ordinary container. */
export interface RawContainer {
  readonly id: string;
  readonly args: readonly string[];
  readonly sharedPidNamespace?: boolean;
  /** Changes the specification. */
  readonly change?: (spec: grpc.ISpec) => void;
}

/** Creates a container by the call itself, in the root of the guest's own container. */
export async function createRaw(
  { sandbox, container }: Pick<Guest, 'sandbox' | 'container'>,
  { id, args, sharedPidNamespace = false, change }: RawContainer,
): Promise<ProcessRef> {
  const spec = buildSpec({
    containerId: id,
    args,
    env: [],
    cwd: '/',
    user: { uid: 0, gid: 0, additionalGids: [] },
    hostname: '',
    rootPath: `/run/kata-containers/shared/containers/${container.id}/rootfs`,
    readOnlyRoot: false,
    volumes: [],
  });
  change?.(spec);
  const ref = { container_id: id, exec_id: id };
  await sandbox.calls.agent.CreateContainer({ ...ref, OCI: spec, sandbox_pidns: sharedPidNamespace });
  return ref;
}

/** Kills and removes a container that {@link createRaw} made. */
export async function removeRaw({ sandbox }: Guest, id: string): Promise<void> {
  await sandbox.calls.agent.SignalProcess({ container_id: id, exec_id: '', signal: 9 });
  await sandbox.calls.agent.RemoveContainer({ container_id: id });
}
