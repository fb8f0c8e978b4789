/** The sandbox: the pod's virtual machine with its containers. */

import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import { Container, type PidScope, unknownContainer } from '../container/container.ts';
import { cgroupsOverlap } from '../container/oci-spec/cgroups-path.ts';
import type { SharedNamespaces } from '../container/oci-spec/namespaces.ts';
import { planContainer } from '../container/plan.ts';
import type { ContainerProcess } from '../container/process.ts';
import { Mutex } from '../process/mutex.ts';
import type { AgentRuntime } from '../runtime.ts';
import { Storages } from '../storage/storages.ts';
import { resetBaseDirectory } from './base-directory.ts';
import { setDns } from './dns.ts';
import { findGuestHooks, type GuestHooks, NO_GUEST_HOOKS } from './guest-hooks.ts';
import { loadKernelModules } from './kernel-modules.ts';
import { type PinnedNamespaces, pinNamespaces, unpinNamespaces } from './namespaces.ts';

type State =
  /** Containers may be made all the same; they share nothing. */
  | { readonly kind: 'none' }
  | { readonly kind: 'created'; readonly id: string; readonly namespaces: PinnedNamespaces; readonly hooks: GuestHooks }
  | { readonly kind: 'destroyed' };

/** What the agent runs. */
export class Sandbox {
  readonly #runtime: AgentRuntime;
  readonly #storages: Storages;
  readonly #containers = new Map<string, Container>();
  /** For creating and destroying the sandbox itself. */
  readonly #mutex = new Mutex();
  #state: State = { kind: 'none' };
  /** The first container, whose pid namespace is the one that containers can share, with its first process. */
  #pidHolder: { readonly scope: PidScope; readonly init: ContainerProcess } | undefined;

  constructor(runtime: AgentRuntime) {
    this.#runtime = runtime;
    this.#storages = new Storages(runtime);
  }

  /**
   * Sets the sandbox up.
   * @throws KataError; a later call may then try again. ERR_FAILED_PRECONDITION where there is one already.
   */
  async create(request: grpc.CreateSandboxRequest): Promise<void> {
    await this.#mutex.run(async () => {
      if (this.#state.kind !== 'none') {
        throw new KataError('ERR_FAILED_PRECONDITION', `sandbox_id: a sandbox is ${this.#state.kind} already`);
      }
      const { logger, reaper } = this.#runtime;
      if (!(await resetBaseDirectory())) logger.warn('the base directory has mounts below it and is kept as it is');
      await loadKernelModules(reaper, request.kernel_modules);
      const namespaces = pinNamespaces(request.hostname);
      let acquired: readonly string[] = [];
      try {
        acquired = await this.#storages.acquire(request.storages);
        setDns(request.dns);
      } catch (error) {
        await this.#storages.undo(acquired);
        unpinNamespaces();
        throw error;
      }
      const hooks = findGuestHooks(request.guest_hook_path, logger);
      this.#state = { kind: 'created', id: request.sandbox_id, namespaces, hooks };
      logger.info({ 'sandbox-id': request.sandbox_id }, 'sandbox created');
    });
  }

  /**
   * Changes storages in the guest's memory that are mounted, such as to another size.
   * @throws KataError as Storages.update.
   */
  async updateStorages(storages: readonly grpc.Storage[]): Promise<void> {
    await this.#storages.update(storages);
  }

  /**
   * Makes a container, up to the execution of its program.
   * @throws KataError as planContainer and Container.make; ERR_ALREADY_EXISTS for an id in use, which is not touched.
   */
  async createContainer(request: grpc.CreateContainerRequest): Promise<void> {
    const id = request.container_id;
    if (this.#state.kind === 'destroyed') throw destroyed();
    if (this.#containers.has(id)) {
      throw new KataError('ERR_ALREADY_EXISTS', `container_id: ${JSON.stringify(id)} is in use`);
    }
    const pid = request.sandbox_pidns ? this.#sharedPidNamespace() : undefined;
    const plan = planContainer(request, {
      sandboxId: this.#state.kind === 'created' ? this.#state.id : undefined,
      shared: { ...this.#namespaces(), pid },
      pidScope: (pid === undefined ? undefined : this.#pidHolder?.scope) ?? { reason: undefined },
      guestHooks: this.#state.kind === 'created' ? this.#state.hooks : NO_GUEST_HOOKS,
    });
    for (const other of this.#containers.values()) {
      if (!cgroupsOverlap(plan.cgroupsPath, other.cgroupsPath)) continue;
      const problem = `Linux.CgroupsPath: "${plan.cgroupsPath}" overlaps with the one of container ${other.id}`;
      throw new KataError('ERR_INVALID_ARGUMENT', problem, { status: GrpcStatus.INTERNAL });
    }
    const container = new Container(this.#runtime, this.#storages, plan);
    this.#containers.set(id, container);
    try {
      await container.make();
    } catch (error) {
      this.#containers.delete(id);
      throw error;
    }
    if (container.init !== undefined) this.#pidHolder ??= { scope: container.pidScope, init: container.init };
  }

  /**
   * A container that a call wants to change.
   * @throws KataError (INTERNAL on the wire) where there is none.
   */
  container(id: string): Container {
    const container = this.#containers.get(id);
    if (container === undefined) throw unknownContainer(id);
    return container;
  }

  /** All containers, those that are being made or removed among them. */
  get containers(): readonly Container[] {
    return [...this.#containers.values()];
  }

  /**
   * A container that a call wants to look at.
   * @throws KataError INVALID_ARGUMENT where there is none.
   */
  observedContainer(id: string): Container {
    const container = this.#containers.get(id);
    if (container !== undefined) return container;
    throw new KataError('ERR_INVALID_ARGUMENT', `Invalid container id ${JSON.stringify(id)}`);
  }

  /**
   * A process that a call wants to look at.
   * @param execId empty, or the container's id, for its first process.
   * @throws KataError INVALID_ARGUMENT for an unknown container; ERR_NOT_FOUND for an unknown process.
   */
  process(containerId: string, execId: string): ContainerProcess {
    const container = this.observedContainer(containerId);
    const found = execId === '' || execId === containerId ? container.init : container.execProcess(execId);
    if (found === undefined) throw unknownProcess(execId);
    return found;
  }

  /**
   * As {@link process}, but waits for a process that is being started: what is meant for it must not be lost.
   * @throws KataError as {@link process}, and where it cannot be started.
   */
  async startedProcess(containerId: string, execId: string): Promise<ContainerProcess> {
    await this.observedContainer(containerId).startedExec(execId);
    return this.process(containerId, execId);
  }

  /**
   * Stops and removes a container.
   * @throws KataError (INTERNAL on the wire) where there is none.
   */
  async removeContainer(id: string): Promise<void> {
    const container = this.container(id);
    await container.remove();
    this.#containers.delete(id);
  }

  /**
   * Removes all containers; there will be no other sandbox.
   * @throws KataError (INTERNAL on the wire) where that was done before; else of the container that cannot be removed.
   */
  async destroy(): Promise<void> {
    await this.#mutex.run(async () => {
      if (this.#state.kind === 'destroyed') throw destroyed();
      for (const container of [...this.#containers.values()]) {
        // One that another call is removing, or that could not be made, is removed when its turn comes.
        await container.remove().catch(ignoreUnknown);
        this.#containers.delete(container.id);
      }
      this.#state = { kind: 'destroyed' };
      this.#runtime.oom.close();
    });
  }

  #namespaces(): Pick<SharedNamespaces, 'ipc' | 'uts'> {
    return this.#state.kind === 'created' ? this.#state.namespaces : { ipc: undefined, uts: undefined };
  }

  /** Path of the pid namespace that containers share; undefined where the container to come makes it. */
  #sharedPidNamespace(): string | undefined {
    if (this.#pidHolder === undefined) {
      if (this.#containers.size === 0) return undefined;
      throw new KataError('ERR_INTERNAL', 'Sandbox does not have sandbox_pidns');
    }
    const { init } = this.#pidHolder;
    if (!init.running) {
      throw new KataError('ERR_INTERNAL', "the process that holds the sandbox's pid namespace has ended");
    }
    return `/proc/${init.pid}/ns/pid`;
  }
}

function destroyed(): KataError {
  return new KataError('ERR_INTERNAL', 'the sandbox is destroyed');
}

function ignoreUnknown(error: unknown): void {
  if (!(error instanceof KataError && error.code === 'ERR_NOT_FOUND')) throw error;
}

/** Error of a call about a process that there is not, or not any more. */
export function unknownProcess(execId: string): KataError {
  return new KataError('ERR_NOT_FOUND', `Invalid exec id ${JSON.stringify(execId)}`);
}
