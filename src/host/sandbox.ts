/** A sandbox: a virtual machine with our agent, driven in the order in which Kata's shim drives it. */
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../wire/error.ts';
import type { grpc } from '../wire/generated/proto.js';
import { unlessAborted } from './abort.ts';
import { type AgentConnection, CALL_TIMEOUT_MS } from './agent-connection.ts';
import { type BootedGuest, bootGuest } from './boot.ts';
import { Container, type ExecDefaults } from './container.ts';
import { forgetContainer, recordContainer } from './container-record.ts';
import { watchHealth } from './health-watch.ts';
import { commandOf } from './image-store/root-image.ts';
import type { HostMachine } from './machine.ts';
import { checkName } from './name.ts';
import { readEtcFile } from './oci-spec/rootfs-file.ts';
import { buildSpec, type GuestVolume, withDefaultPath } from './oci-spec/spec.ts';
import { resolveUser } from './oci-spec/user.ts';
import type { ProcessIo } from './process.ts';
import type { ProcessStreams } from './process-streams.ts';
import { type ContainerOptions, mergeEnv, resolveRoot, type SandboxOptions } from './sandbox-options.ts';
import { openStreams } from './stream-choice.ts';
import { Timeline } from './timeline.ts';

/** Destroying removes what still runs; a guest that takes longer is powered off from outside. */
const DESTROY_TIMEOUT_MS = 5_000;
/** Sync and power-off take a third of a second without KVM. */
const POWER_OFF_TIMEOUT_MS = 5_000;
/** The kernel tells of a dead process within milliseconds of its sockets' end. */
const LOSS_GRACE_MS = 500;

type State =
  /** Calls may be made. */
  | { readonly is: 'running' }
  /** The machine ended, or its agent stopped answering, without being asked to. */
  | { readonly is: 'lost'; readonly error: KataError }
  /** Being taken back. */
  | { readonly is: 'stopping'; readonly done: Promise<void> };

/** A running sandbox. It must be stopped; where the process dies instead, a guardian process does that. */
export class Sandbox {
  readonly id: string;
  readonly hostname: string;
  readonly timeline: Timeline;
  /** What the agent told of itself and its guest. */
  readonly details: grpc.GuestDetailsResponse;
  readonly #machine: HostMachine;
  readonly #connection: AgentConnection;
  readonly #endWatch: () => void;
  readonly #lost = Promise.withResolvers<KataError>();
  #state: State = { is: 'running' };
  #containers = 0;

  private constructor({ id, hostname, machine, connection, details }: BootedGuest, timeline: Timeline) {
    this.id = id;
    this.hostname = hostname;
    this.#machine = machine;
    this.#connection = connection;
    this.timeline = timeline;
    this.details = details;
    void machine.ended().then((end) => this.#lose(end));
    void connection.client.closed.then(() => this.#connectionClosed());
    this.#endWatch = watchHealth(connection.calls, (why) => this.#lose(why));
  }

  /**
   * Boots a sandbox. Where that fails nothing is left, and the error ends with what the guest said last.
   * @throws KataError ERR_HOST where the host lacks something, ERR_BOOT where the guest does not come up,
   *   ERR_INVALID_ARGUMENT, ERR_ALREADY_EXISTS for a name in use, or the reason of `options.signal`.
   */
  static async boot(options: SandboxOptions = {}): Promise<Sandbox> {
    const timeline = new Timeline(options.onPhase);
    return new Sandbox(await bootGuest(options, timeline), timeline);
  }

  /** Ids of the sandbox's processes on the host. */
  get pids(): { readonly qemu: number; readonly virtiofsd: number } {
    return this.#machine.pids;
  }

  /** The agent's calls, for what this class does not offer. */
  get calls(): AgentConnection['calls'] {
    return this.#connection.calls;
  }

  /** The guest's ports. */
  get vsock(): HostMachine['vsock'] {
    return this.#machine.vsock;
  }

  /** Lines of the guest's console that are still in memory, the agent's log among them. */
  consoleLines(): string[] {
    return this.#machine.consoleLines();
  }

  /** Resolves with the reason if the machine is lost; never while it runs or when it is stopped. */
  get lost(): Promise<KataError> {
    return this.#lost.promise;
  }

  /**
   * Creates a container, up to its program's first instruction.
   * @throws KataError ERR_INVALID_ARGUMENT for a bad option; as the agent answers, for a command that cannot run.
   */
  async createContainer(options: ContainerOptions): Promise<Container> {
    this.#containers += 1;
    const id = checkName('container', options.id ?? `${this.id}-${this.#containers}`.slice(-64));
    const { share } = this.#machine;
    const { path, config } = resolveRoot(options.root);
    const args = commandOf(config, options.command);
    if (args.length === 0)
      throw new KataError('ERR_INVALID_ARGUMENT', 'command: there is none, and the image names none');
    const user = resolveUser(options.user ?? config.user, readEtcFile(path, 'passwd'), readEtcFile(path, 'group'));
    const env = mergeEnv(config.env, options.env ?? []);
    const defaults: ExecDefaults = { env: withDefaultPath(env), cwd: options.cwd ?? config.cwd, user };
    const terminal = options.terminal !== undefined;
    const { calls, vsock, timeline } = this;
    let streams: ProcessStreams | undefined;
    try {
      const rootPath =
        options.root.kind === 'directory'
          ? await share.addRoot(id, path)
          : await share.addLayeredRoot(id, path, this.#machine.scratch(`layer-${id}`));
      const volumes: GuestVolume[] = [];
      for (const volume of options.volumes ?? []) {
        const source = await share.addVolume(id, volume);
        volumes.push({ source, destination: volume.destination, readOnly: volume.readOnly });
      }
      const spec = buildSpec({
        containerId: id,
        args,
        ...defaults,
        hostname: this.hostname,
        rootPath,
        readOnlyRoot: options.readOnlyRoot ?? false,
        volumes,
        terminal: options.terminal,
      });
      const identity = { containerId: id, execId: id };
      streams = await openStreams({ calls, vsock, identity, terminal }, options.streams);
      await calls.agent.CreateContainer(
        { container_id: id, exec_id: id, OCI: spec, ...streams.ports },
        { timeoutMs: CALL_TIMEOUT_MS },
      );
    } catch (error) {
      streams?.drop();
      await share.remove(id);
      throw await this.#whyLost(error);
    }
    timeline.reach('container created');
    const directory = this.#machine.scratch('');
    const release = (): Promise<void> => {
      forgetContainer(directory, id);
      return share.remove(id);
    };
    recordContainer(directory, { id, defaults, terminal });
    const container = new Container({ id, defaults, terminal }, streams, { calls, vsock, timeline, release });
    if (options.terminal !== undefined) await container.init.repeatSize(options.terminal);
    return container;
  }

  /**
   * Creates a container, runs its program to the end and removes it.
   * @param signal kills the container; its reason is thrown.
   * @returns the exit code; 128 + n where signal n ended the program.
   */
  async run(options: ContainerOptions, io: ProcessIo, signal?: AbortSignal): Promise<number> {
    const container = await this.createContainer(options);
    try {
      const lost = this.lost.then((error) => Promise.reject(error));
      const code = await unlessAborted(Promise.race([this.#runToEnd(container, io), lost]), signal);
      this.timeline.reach('process ended');
      return code;
    } catch (error) {
      throw await this.#whyLost(error);
    } finally {
      if (this.#state.is === 'running') await container.remove();
    }
  }

  async #runToEnd(container: Container, io: ProcessIo): Promise<number> {
    await container.start();
    await container.init.carry(io);
    return await container.init.wait();
  }

  /**
   * Stops the sandbox: the agent destroys it and powers the machine off, or else the machine is ended from outside.
   * Nothing is left on the host afterwards. May be called at any time and more than once.
   * @throws KataError ERR_HOST where something could not be removed.
   */
  stop(): Promise<void> {
    return this.#stopBy(() => this.#powerOff());
  }

  /** Stops the sandbox without asking the guest. */
  kill(): Promise<void> {
    return this.#stopBy(() => Promise.resolve());
  }

  #stopBy(end: () => Promise<void>): Promise<void> {
    if (this.#state.is === 'stopping') return this.#state.done;
    const polite = this.#state.is === 'running';
    const done = (polite ? end() : Promise.resolve()).then(async () => {
      this.#connection.client.close();
      await this.#machine.release();
      this.timeline.reach('gone');
    });
    this.#endWatch();
    this.#state = { is: 'stopping', done };
    return done;
  }

  async #powerOff(): Promise<void> {
    try {
      await this.calls.agent.DestroySandbox({}, { timeoutMs: DESTROY_TIMEOUT_MS });
    } catch {
      await this.#machine.quit();
      return;
    }
    if (!(await this.#machine.waitForPowerOff(POWER_OFF_TIMEOUT_MS))) await this.#machine.quit();
  }

  #lose(why: string): void {
    if (this.#state.is !== 'running') return;
    const error = new KataError('ERR_UNAVAILABLE', `sandbox ${this.id} is lost: ${why}${this.#machine.lastWords()}`);
    this.#state = { is: 'lost', error };
    this.#endWatch();
    this.#connection.client.close();
    this.#lost.resolve(error);
  }

  /** The end of the connection is the first sign of a lost machine; what happened to it shows a moment later. */
  async #connectionClosed(): Promise<void> {
    await delay(LOSS_GRACE_MS, undefined, { ref: false });
    this.#lose('the connection to the agent has ended');
  }

  /** A call that fails because the machine is lost shall say that. */
  async #whyLost(error: unknown): Promise<unknown> {
    if (this.#state.is === 'running' && KataError.from(error).code === 'ERR_UNAVAILABLE') {
      await Promise.race([this.lost, delay(LOSS_GRACE_MS * 2)]);
    }
    return this.#state.is === 'lost' ? this.#state.error : error;
  }
}
