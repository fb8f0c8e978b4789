/** A container, from the request that makes it to its removal. */
import { existsSync, writeFileSync } from 'node:fs';
import { GrpcStatus, KataError } from '../../wire/error.ts';
import type { grpc } from '../../wire/generated/proto.js';
import { BlockDevices } from '../device/block-devices.ts';
import { canTrace, checkExecId, type ExecDefaults, planExec } from '../exec/exec-plan.ts';
import type { ExecPlan, ExecTarget } from '../exec/starter.ts';
import type { Logger } from '../log/logger.ts';
import { Mutex } from '../process/mutex.ts';
import { fulfilledWithin } from '../process/within.ts';
import type { AgentRuntime } from '../runtime.ts';
import type { Storages } from '../storage/storages.ts';
import type { StreamPorts } from '../stream/passfd.ts';
import { Bundle } from './bundle.ts';
import { carriedProcess } from './carried.ts';
import type { Cgroup } from './cgroup.ts';
import { joinFiles } from './cgroup-membership.ts';
import { crunForget, crunStart } from './crun.ts';
import { findDevices, type GuestDevice } from './devices.ts';
import { startExec } from './exec-start.ts';
import { ExecTable, execIdInUse } from './exec-table.ts';
import { makeInit } from './make-init.ts';
import type { Hooks } from './oci-spec/hooks.ts';
import type { JsonObject } from './oci-spec/json.ts';
import type { ConvertedSpec } from './oci-spec/spec.ts';
import { OomWatch } from './oom-watch.ts';
import type { ContainerProcess } from './process.ts';
import { runHooks } from './run-hooks.ts';
import { SIGKILL } from './sigterm.ts';
import { updateCgroup } from './update.ts';

/** A process that was killed is collected a moment after it has left its cgroup (ms). */
const COLLECT_DEADLINE_MS = 2_000;
/** A process that is being started when its container is removed cannot be any more, and its starter notices (ms). */
const EXEC_SETTLE_MS = 8_000;

/** The processes that share a pid namespace, those of other containers among them. */
export interface PidScope {
  /** Why no child may be in there that still shares the agent's memory; undefined where one may. */
  reason: string | undefined;
}

/** What a container is made of. */
export interface ContainerPlan {
  readonly id: string;
  readonly spec: ConvertedSpec;
  /** What the host plugged in for it. */
  readonly devices: readonly grpc.Device[];
  /** Its specification with what those became in the guest. */
  readonly specWith: (found: readonly GuestDevice[]) => ConvertedSpec;
  readonly hooks: Hooks;
  /** Its root file system, as the request names it. */
  readonly root: string;
  readonly uid: number;
  /** The program, for messages. */
  readonly program: string;
  readonly cgroup: Cgroup;
  readonly cgroupsPath: string;
  readonly storages: readonly grpc.Storage[];
  /** Whether its first process has a terminal. */
  readonly terminal: boolean;
  readonly ports: StreamPorts;
  /** Whether what the kernel kills in it for want of memory is told of: not for the one that only holds the sandbox. */
  readonly reportsOom: boolean;
  /** Processors that its specification names, such as `0-2,7`; empty where it names none. */
  readonly cpus: string;
  /** File with what its program says of its end; undefined where its specification names none. */
  readonly terminationLog: string | undefined;
  /** What processes that join it get where their request does not say. */
  readonly exec: ExecDefaults;
  /** Why only the runtime can start processes in it; undefined where a thread can. */
  readonly runtimeOnly: string | undefined;
  readonly pidScope: PidScope;
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
  readonly #execs = new ExecTable();
  readonly #oom: OomWatch;
  /** How often all of it was killed: what is born meanwhile is killed too. */
  #kills = 0;
  #acquired: readonly string[] = [];
  #cpus: string;
  #state: State = { kind: 'making' };

  constructor(runtime: AgentRuntime, storages: Storages, plan: ContainerPlan) {
    this.id = plan.id;
    this.cgroupsPath = plan.cgroupsPath;
    this.#runtime = runtime;
    this.#logger = runtime.logger.child({ 'container-id': plan.id });
    this.#storages = storages;
    this.#plan = plan;
    this.#cpus = plan.cpus;
    this.#bundle = new Bundle(plan.id);
    this.#oom = new OomWatch(plan.cgroup, this.#logger, () => runtime.oom.push(plan.id));
    if (canTrace(plan.exec.capabilities)) this.pidScope.reason ??= `container ${plan.id} may look into others`;
  }

  /** Those with whom it shares its pid namespace. */
  get pidScope(): PidScope {
    return this.#plan.pidScope;
  }

  /** What its processes run in. */
  get cgroup(): Cgroup {
    return this.#plan.cgroup;
  }

  /** Processors that it was told to keep to, such as `0-2,7`; empty where it may use all. */
  get cpus(): string {
    return this.#cpus;
  }

  /** File with what its program says of its end; undefined where its specification names none. */
  get terminationLog(): string | undefined {
    return this.#plan.terminationLog;
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
        const { config } = await this.#guestSpec();
        this.#acquired = await this.#storages.acquire(this.#plan.storages, this.id);
        await this.#bundle.make(this.#runtime.reaper, this.#plan.root);
        this.#bundle.writeConfig(config);
        this.#setMachineSysctls();
        const init = await this.#makeInit();
        this.#state = { kind: 'created', init };
        if (this.#kills > 0) init.signal(SIGKILL);
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
      if (this.#plan.reportsOom) this.#oom.start();
      await crunStart(this.#runtime.reaper, this.id, this.#plan.program);
      this.#state = { kind: 'started', init };
      if (this.#plan.runtimeOnly === undefined) this.#runtime.exec.prewarm(this.#plan.exec);
      await runHooks(
        this.#runtime.reaper,
        this.#logger,
        this.#plan.hooks.poststart,
        this.#hookState('running', init.pid),
      );
    });
  }

  /**
   * Starts another process in it, which executes its program when this returns. One that the container has not started
   * yet can be joined too, as the runtime has it.
   * @throws KataError (INTERNAL on the wire) naming field and value; where the exec id is in use; where the container is
   *   paused or has ended; else of what failed, with nothing left of the process.
   */
  async exec(request: grpc.ExecProcessRequest): Promise<void> {
    const { exec_id: execId } = request;
    checkExecId(execId);
    if (execId === this.id) throw execIdInUse(execId);
    const { plan, warnings } = planExec(request, this.#plan.exec);
    for (const warning of warnings) this.#logger.warn({ 'exec-id': execId }, warning);
    await this.#execs.start(execId, () => this.#startExec(request, plan));
  }

  /** Its process under an exec id other than the first one's; undefined where there is none. */
  execProcess(execId: string): ContainerProcess | undefined {
    return this.#execs.get(execId);
  }

  /** As {@link execProcess}, but waits for one that is being started. */
  startedExec(execId: string): Promise<ContainerProcess | undefined> {
    return this.#execs.whenStarted(execId);
  }

  /** Stops all that runs in it. @throws KataError (INTERNAL on the wire) where it is stopped already, or has ended. */
  async pause(): Promise<void> {
    await this.#mutex.run(async () => {
      this.#runningInit();
      if (this.#plan.cgroup.frozen) throw this.#refusal('is paused already');
      await this.#plan.cgroup.freeze();
    });
  }

  /** Lets it run on. @throws KataError (INTERNAL on the wire) where it is not paused. */
  async resume(): Promise<void> {
    await this.#mutex.run(async () => {
      if (this.init === undefined) throw unknownContainer(this.id);
      if (!this.#plan.cgroup.frozen) throw this.#refusal('is not paused');
      await this.#plan.cgroup.thaw();
    });
  }

  /**
   * Changes its limits: all that are asked for, or none.
   * @throws KataError (INTERNAL on the wire) naming field and value of what cannot be used; where it has ended.
   */
  async update(resources: grpc.LinuxResources): Promise<void> {
    await this.#mutex.run(async () => {
      this.#runningInit();
      await updateCgroup(this.#plan.cgroup.directories, resources, (warning) => this.#logger.warn(warning));
      if (resources.CPU?.Cpus) this.#cpus = resources.CPU.Cpus;
    });
  }

  /** Sends SIGKILL to all that runs in it, and to what is being started in it. */
  killAll(): void {
    this.#kills += 1;
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

  async #guestSpec(): Promise<ConvertedSpec> {
    const { devices, spec, specWith } = this.#plan;
    if (devices.length === 0) return spec;
    return specWith(await findDevices(devices, new BlockDevices(this.#runtime)));
  }

  #makeInit(): Promise<ContainerProcess> {
    return carriedProcess(this.#runtime, this.#plan.ports, this.#logger, async () => ({
      ...(await makeInit(this.#runtime, this.#plan, this.#bundle.path)),
      isInit: true,
      onExit: () => this.#oom.check(),
    }));
  }

  async #startExec(request: grpc.ExecProcessRequest, plan: ExecPlan): Promise<ContainerProcess> {
    const kills = this.#kills;
    const process = await carriedProcess(this.#runtime, request, this.#logger, async () => {
      const init = this.#runningInit();
      if (this.#plan.cgroup.frozen) throw this.#refusal('is paused');
      const started = await startExec(this.#runtime, this.#target(init, plan), plan);
      return { ...started, isInit: false, onExit: () => this.#oom.check() };
    });
    // A kill, or the removal, did not see it.
    if (this.#kills !== kills || this.init === undefined) process.signal(SIGKILL);
    if (this.init !== undefined) return process;
    process.dispose();
    throw unknownContainer(this.id);
  }

  #target(init: ContainerProcess, plan: ExecPlan): ExecTarget {
    const { pidScope, runtimeOnly } = this.#plan;
    if (canTrace(plan.capabilities)) pidScope.reason ??= `a process of container ${this.id} may look into others`;
    return {
      id: this.id,
      initPid: init.pid,
      bundle: this.#bundle.path,
      cgroups: joinFiles(init.pid),
      runtimeOnly: runtimeOnly ?? pidScope.reason,
    };
  }

  /** Its first process. @throws KataError where there is none, or where it has ended. */
  #runningInit(): ContainerProcess {
    const { init } = this;
    if (init === undefined) throw unknownContainer(this.id);
    if (!init.running) throw this.#refusal('has ended');
    return init;
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
      cgroup.kill();
      await this.#execs.settle(EXEC_SETTLE_MS);
      if (!(await cgroup.killAllAndWait())) this.#logger.warn('processes do not end');
      // Whoever waits for it gets its status before it is let go.
      await fulfilledWithin(Promise.all([init?.ended(), this.#execs.ended()]), COLLECT_DEADLINE_MS);
    });
    this.#oom.stop();
    await this.#attempt('remove cgroup', () => cgroup.remove());
    await this.#attempt('remove bundle', () => this.#bundle.remove());
    await this.#attempt('remove runtime state', () => crunForget(this.id));
    await this.#attempt('release storages', () => this.#storages.release(this.#acquired));
    this.#execs.dispose();
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
