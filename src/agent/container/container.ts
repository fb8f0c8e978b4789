/** A container, from the request that makes it to its removal. */
import { existsSync, writeFileSync } from 'node:fs';
import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import { fstypeAt, readMountTable } from '../boot/mount-table.ts';
import type { Logger } from '../log/logger.ts';
import { Mutex } from '../process/mutex.ts';
import { fulfilledWithin } from '../process/within.ts';
import type { AgentRuntime } from '../runtime.ts';
import type { Storages } from '../storage/storages.ts';
import { closeAgentEnds, closeChildEnds, openStdioPipes } from '../stream/stdio.ts';
import { Bundle } from './bundle.ts';
import type { Cgroup } from './cgroup.ts';
import { crunCreate, crunForget, crunStart } from './crun.ts';
import type { Hooks } from './oci-spec/hooks.ts';
import type { JsonObject } from './oci-spec/json.ts';
import type { ConvertedSpec } from './oci-spec/spec.ts';
import { ContainerProcess } from './process.ts';
import { runHooks } from './run-hooks.ts';
import { SIGKILL } from './sigterm.ts';

/** A process that was killed is collected a moment after it has left its cgroup (ms). */
const COLLECT_DEADLINE_MS = 2_000;

/** What a container is made of. */
export interface ContainerPlan {
  readonly id: string;
  readonly spec: ConvertedSpec;
  readonly hooks: Hooks;
  /** Its root file system, as the request names it. */
  readonly root: string;
  readonly uid: number;
  /** The program, for messages. */
  readonly program: string;
  readonly cgroup: Cgroup;
  readonly cgroupsPath: string;
  readonly storages: readonly grpc.Storage[];
}

type State =
  | { readonly kind: 'making' }
  /** Its first process waits to be started. */
  | { readonly kind: 'created'; readonly init: ContainerProcess }
  | { readonly kind: 'started'; readonly init: ContainerProcess }
  | { readonly kind: 'removed' };

const OCI_VERSION = '1.0.2';

/** One container. What changes it is done one after the other; reads and waits of its processes go past that. */
export class Container {
  readonly id: string;
  readonly cgroupsPath: string;
  readonly #runtime: AgentRuntime;
  readonly #logger: Logger;
  readonly #storages: Storages;
  readonly #plan: ContainerPlan;
  readonly #bundle: Bundle;
  readonly #mutex = new Mutex();
  #acquired: readonly string[] = [];
  #state: State = { kind: 'making' };

  constructor(runtime: AgentRuntime, storages: Storages, plan: ContainerPlan) {
    this.id = plan.id;
    this.cgroupsPath = plan.cgroupsPath;
    this.#runtime = runtime;
    this.#logger = runtime.logger.child({ 'container-id': plan.id });
    this.#storages = storages;
    this.#plan = plan;
    this.#bundle = new Bundle(plan.id);
  }

  /** Its first process; undefined before it was made and after it was removed. */
  get init(): ContainerProcess | undefined {
    return this.#state.kind === 'created' || this.#state.kind === 'started' ? this.#state.init : undefined;
  }

  /**
   * Makes it, up to the execution of its program. Must be the first call.
   * @throws KataError with the reason; nothing is left of it then.
   */
  async make(): Promise<void> {
    await this.#mutex.run(async () => {
      for (const warning of this.#plan.spec.warnings) this.#logger.warn(warning);
      try {
        this.#acquired = await this.#storages.acquire(this.#plan.storages);
        await this.#bundle.make(this.#runtime.reaper, this.#plan.root);
        this.#bundle.writeConfig(this.#plan.spec.config);
        this.#setMachineSysctls();
        this.#state = { kind: 'created', init: await this.#makeInit() };
      } catch (error) {
        await this.#tearDown(undefined);
        throw error;
      }
    });
  }

  /**
   * Lets its first process execute its program.
   * @throws KataError (INTERNAL on the wire) where it was started before, has ended, or was removed.
   */
  async start(): Promise<void> {
    await this.#mutex.run(async () => {
      if (this.#state.kind === 'started') throw this.#refusal('is started already');
      if (this.#state.kind !== 'created') throw unknownContainer(this.id);
      const { init } = this.#state;
      if (!init.running) throw this.#refusal('has ended before it was started');
      await crunStart(this.#runtime.reaper, this.id, this.#plan.program);
      this.#state = { kind: 'started', init };
      await runHooks(
        this.#runtime.reaper,
        this.#logger,
        this.#plan.hooks.poststart,
        this.#hookState('running', init.pid),
      );
    });
  }

  /** Sends SIGKILL to all that runs in it. */
  killAll(): void {
    this.#plan.cgroup.kill();
  }

  /**
   * Stops and removes it. Steps that fail are logged: whoever asks for the removal has nothing better to do than to go
   * on.
   * @throws KataError (INTERNAL on the wire) where it was removed before.
   */
  async remove(): Promise<void> {
    await this.#mutex.run(async () => {
      if (this.#state.kind === 'removed') throw unknownContainer(this.id);
      const { init } = this;
      await this.#tearDown(init);
      await runHooks(this.#runtime.reaper, this.#logger, this.#plan.hooks.poststop, this.#hookState('stopped', 0));
    });
  }

  async #makeInit(): Promise<ContainerProcess> {
    const { reaper, config } = this.#runtime;
    const { id, program, uid } = this.#plan;
    const noPivot = fstypeAt(readMountTable(), '/') === 'rootfs';
    const pipes = openStdioPipes(config.containerPipeSize, uid);
    try {
      const made = await crunCreate(reaper, { id, bundle: this.#bundle.path, program, stdio: pipes.child, noPivot });
      return new ContainerProcess(made.pid, made.ended, pipes, true);
    } catch (error) {
      closeAgentEnds(pipes);
      throw error;
    } finally {
      closeChildEnds(pipes);
    }
  }

  /** The machine's network namespace is the container's too, so parameters of it are set here. */
  #setMachineSysctls(): void {
    for (const [path, value] of this.#plan.spec.machineSysctls) {
      const file = `/proc/sys/${path}`;
      if (existsSync(file)) writeFileSync(file, value);
      else this.#logger.warn({ parameter: path }, 'the kernel has no such parameter');
    }
  }

  async #tearDown(init: ContainerProcess | undefined): Promise<void> {
    this.#state = { kind: 'removed' };
    const { cgroup } = this.#plan;
    await this.#attempt('kill', async () => {
      init?.signal(SIGKILL);
      if (!(await cgroup.killAllAndWait())) this.#logger.warn('processes do not end');
      // Whoever waits for it gets its status before it is let go.
      if (init !== undefined) await fulfilledWithin(init.ended(), COLLECT_DEADLINE_MS);
    });
    await this.#attempt('remove cgroup', () => cgroup.remove());
    await this.#attempt('remove bundle', () => this.#bundle.remove());
    await this.#attempt('remove runtime state', () => crunForget(this.id));
    await this.#attempt('release storages', () => this.#storages.release(this.#acquired));
    init?.dispose();
  }

  async #attempt(step: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#logger.warn({ error, step }, 'removing the container: step failed');
    }
  }

  #hookState(status: 'running' | 'stopped', pid: number): JsonObject {
    return { ociVersion: OCI_VERSION, id: this.id, status, pid, bundle: this.#bundle.path };
  }

  #refusal(problem: string): KataError {
    return new KataError('ERR_FAILED_PRECONDITION', `container ${this.id} ${problem}`, { status: GrpcStatus.INTERNAL });
  }
}

/** Error of a call that wants to change a container that there is not. */
export function unknownContainer(id: string): KataError {
  return new KataError('ERR_NOT_FOUND', `Invalid container id ${JSON.stringify(id)}`, { status: GrpcStatus.INTERNAL });
}
