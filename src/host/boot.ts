/** The way from nothing to a guest whose agent has a sandbox. */
import { KataError } from '../wire/error.ts';
import type { grpc } from '../wire/generated/proto.js';
import { chooseAccelerator, findQemu } from './accelerator.ts';
import { type AgentConnection, CALL_TIMEOUT_MS, connectAgent } from './agent-connection.ts';
import { findImage } from './image.ts';
import { HostMachine } from './machine.ts';
import { checkName, randomName } from './name.ts';
import { GUEST_SHM } from './oci-spec/spec.ts';
import { cacheRoot } from './paths.ts';
import { mayMount } from './privileges.ts';
import { checkSize, type SandboxOptions } from './sandbox-options.ts';
import { GUEST_SHARE, SHARE_TAG } from './share.ts';
import type { Timeline } from './timeline.ts';
import { findVirtiofsd } from './virtiofsd.ts';

/** Size of the memory file system that is every container's `/dev/shm`: Docker's and Kata's default. */
const SHM_BYTES = 64 << 20;

/** A guest whose agent answers. */
export interface BootedAgent {
  readonly id: string;
  readonly hostname: string;
  readonly machine: HostMachine;
  readonly connection: AgentConnection;
}

/** A guest that serves. */
export interface BootedGuest extends BootedAgent {
  readonly details: grpc.GuestDetailsResponse;
}

/** Boots a guest and creates the sandbox in it. Where that fails nothing is left. */
export async function bootGuest(options: SandboxOptions, timeline: Timeline): Promise<BootedGuest> {
  const booted = await bootAgent(options, timeline);
  return await orRelease(booted.machine, async () => {
    const details = await createInGuest(booted.connection, booted.id, booted.hostname);
    timeline.reach('sandbox created');
    return { ...booted, details };
  });
}

/** Boots a guest up to its agent's first answer. Where that fails nothing is left. */
export async function bootAgent(options: SandboxOptions, timeline: Timeline): Promise<BootedAgent> {
  const id = checkName('sandbox', options.id ?? randomName());
  const hostname = options.hostname ?? id;
  const size = checkSize(options);
  if (!mayMount()) throw new KataError('ERR_HOST', 'a sandbox needs root: what its containers see is mounted');
  const image = options.image ?? findImage();
  const [qemu, virtiofsd] = await Promise.all([findQemu(), findVirtiofsd()]);
  const { accelerator, reason } = await chooseAccelerator(qemu, image, cacheRoot());
  options.onAccelerator?.(`accelerator: ${accelerator.toUpperCase()} (${reason})`);
  options.signal?.throwIfAborted();
  const machine = await HostMachine.start({
    id,
    ...size,
    image,
    qemu,
    accelerator,
    virtiofsd,
    kernelParameters: options.kernelParameters ?? [],
    qemuArguments: options.qemuArguments ?? [],
    onConsoleLine: options.onConsoleLine ?? (() => {}),
  });
  timeline.reach('machine started');
  return await orRelease(machine, async () => {
    const connection = await reachAgent(machine, size.bootTimeoutMs, options.signal);
    timeline.reach('agent ready');
    return { id, hostname, machine, connection };
  });
}

/** Does something with a machine, which is taken back where that fails. */
async function orRelease<T>(machine: HostMachine, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const explained = explain(error, machine);
    await machine.release();
    throw explained;
  }
}

/** Connects, unless the machine ends or the caller gives up. */
async function reachAgent(
  machine: HostMachine,
  timeoutMs: number,
  caller: AbortSignal | undefined,
): Promise<AgentConnection> {
  const failed = new AbortController();
  void machine.ended().then((end) => failed.abort(new KataError('ERR_BOOT', `${end} before the agent answered`)));
  const signal = caller === undefined ? failed.signal : AbortSignal.any([caller, failed.signal]);
  return await connectAgent(machine.vsock, timeoutMs, signal);
}

/** The calls that make the sandbox in the guest. */
async function createInGuest(
  { calls }: AgentConnection,
  id: string,
  hostname: string,
): Promise<grpc.GuestDetailsResponse> {
  const share = { driver: 'virtio-fs', source: SHARE_TAG, fstype: 'virtiofs', mount_point: `${GUEST_SHARE}/` };
  const shm = {
    driver: 'ephemeral',
    source: 'shm',
    fstype: 'tmpfs',
    options: ['noexec', 'nosuid', 'nodev', 'mode=1777', `size=${SHM_BYTES}`],
    mount_point: GUEST_SHM,
  };
  const options = { timeoutMs: CALL_TIMEOUT_MS };
  await calls.agent.CreateSandbox({ sandbox_id: id, hostname, storages: [share, shm] }, options);
  return await calls.agent.GetGuestDetails({ mem_block_size: true, mem_hotplug_probe: true }, options);
}

/** Adds the guest's last words to an error, except where the caller itself gave up. */
function explain(error: unknown, machine: HostMachine): KataError {
  const cause = KataError.from(error);
  if (cause.code === 'ERR_CANCELLED') return cause;
  return new KataError('ERR_BOOT', `${cause.message}${machine.lastWords()}`, { cause });
}
