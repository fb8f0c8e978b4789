/** Keeps a sandbox whose maker has gone: holds its machine and its containers' streams, until it is removed or lost. */
import { mkdirSync } from 'node:fs';
import { KataError } from '../../wire/error.ts';
import { commandOf } from '../image-store/root-image.ts';
import { NAME_MAX_LENGTH } from '../name.ts';
import { RUN_ROOT } from '../paths.ts';
import { Sandbox } from '../sandbox.ts';
import { resolveRoot, type SandboxOptions } from '../sandbox-options.ts';
import { StateDirectory } from '../state/state-dir.ts';
import { KeptContainer } from './kept-container.ts';
import { logPaths } from './log-writer.ts';
import { LostSandboxes } from './lost-sandboxes.ts';
import { type ContainerRequest, LOG_DIRECTORY, type SandboxInfo, toErrorInfo } from './protocol.ts';

/** A sandbox with its containers. */
export class Keeper {
  readonly state: StateDirectory;
  readonly #sandbox: Sandbox;
  readonly #createdAt = Date.now();
  readonly #containers = new Map<string, KeptContainer>();
  /** Of containers that are there, or being made. */
  readonly #names = new Set<string>();
  readonly #ended = Promise.withResolvers<void>();
  #stopping: Promise<void> | undefined;

  private constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox;
    this.state = new StateDirectory(RUN_ROOT, sandbox.id);
    mkdirSync(this.#logDirectory, { mode: 0o700 });
    void sandbox.lost.then((error) => this.#lose(error));
  }

  /** Boots a sandbox without a container. @throws KataError as `Sandbox.boot`; nothing is left then. */
  static async boot(options: SandboxOptions): Promise<Keeper> {
    const sandbox = await Sandbox.boot(options);
    new LostSandboxes(RUN_ROOT).remove(sandbox.id);
    return new Keeper(sandbox);
  }

  /** Resolves when the sandbox has gone, for whatever reason. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** What `ps` shows. */
  get info(): SandboxInfo {
    return {
      id: this.#sandbox.id,
      keeperPid: process.pid,
      qemuPid: this.#sandbox.pids.qemu,
      createdAt: this.#createdAt,
      containers: [...this.#containers.values()].map(({ info }) => info),
    };
  }

  /** Creates and starts a container. @returns its id. @throws KataError where it cannot be; nothing is left of it then. */
  async create(request: ContainerRequest): Promise<string> {
    this.#requireRunning();
    const id = request.options.id ?? this.#freeName();
    if (this.#names.has(id)) throw new KataError('ERR_ALREADY_EXISTS', `there is a container ${id} already`);
    this.#names.add(id);
    try {
      await this.#start(id, request);
    } catch (error) {
      this.#names.delete(id);
      throw error;
    }
    return id;
  }

  async #start(id: string, request: ContainerRequest): Promise<void> {
    const options = { ...request.options, id };
    const container = await this.#sandbox.createContainer(options);
    const command = commandOf(resolveRoot(options.root).config, options.command);
    const kept = await KeptContainer.start(container, request, command, logPaths(this.#logDirectory, container.id));
    this.#containers.set(id, kept);
  }

  #freeName(): string {
    for (let number = 1; ; number++) {
      const suffix = `-${number}`;
      const name = `${this.#sandbox.id.slice(0, NAME_MAX_LENGTH - suffix.length)}${suffix}`;
      if (!this.#names.has(name)) return name;
    }
  }

  /** @throws KataError ERR_NOT_FOUND. */
  container(id: string): KeptContainer {
    const container = this.#containers.get(id);
    if (container !== undefined) return container;
    throw new KataError('ERR_NOT_FOUND', `sandbox ${this.#sandbox.id} has no container ${id}`);
  }

  /**
   * Removes a container; the sandbox goes with its last one.
   * @throws KataError ERR_FAILED_PRECONDITION where it runs and `force` is not set.
   */
  async remove(id: string, force: boolean): Promise<void> {
    const container = this.container(id);
    await container.remove(force);
    this.#containers.delete(id);
    this.#names.delete(id);
    if (this.#containers.size === 0) await this.stop();
  }

  /** Removes the sandbox. @throws KataError ERR_FAILED_PRECONDITION where a container runs and `force` is not set. */
  async removeAll(force: boolean): Promise<void> {
    const alive = [...this.#containers.values()].find(({ isAlive }) => isAlive);
    if (alive !== undefined && !force) {
      throw new KataError(
        'ERR_FAILED_PRECONDITION',
        `container ${alive.info.id} is ${alive.info.state.is}; -f kills it`,
      );
    }
    // Whoever waits for a container shall learn its exit status; the rest goes with the machine.
    await Promise.all([...this.#containers.values()].map((container) => container.remove(true).catch(() => {})));
    await this.stop();
  }

  /** Stops the sandbox. Nothing of it is left. @throws KataError ERR_HOST where something could not be removed. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop(new KataError('ERR_UNAVAILABLE', `sandbox ${this.#sandbox.id} was stopped`));
    return this.#stopping;
  }

  async #stop(why: KataError): Promise<void> {
    try {
      await this.#giveUp(why);
      await this.#sandbox.stop();
    } finally {
      this.#ended.resolve();
    }
  }

  async #lose(error: KataError): Promise<void> {
    if (this.#stopping !== undefined) return;
    this.#stopping = this.#record(error).finally(() => this.#stop(error));
    // What cannot be removed now is removed by the next start of a sandbox.
    await this.#stopping.catch(() => {});
  }

  /** Whoever asks next shall find out. */
  async #record(error: KataError): Promise<void> {
    await this.#giveUp(error);
    const lost = { info: this.info, error: toErrorInfo(error), at: Date.now() };
    new LostSandboxes(RUN_ROOT).add(lost, this.#logDirectory);
  }

  async #giveUp(why: KataError): Promise<void> {
    await Promise.all([...this.#containers.values()].map((container) => container.lose(why)));
  }

  #requireRunning(): void {
    if (this.#stopping === undefined) return;
    throw new KataError('ERR_FAILED_PRECONDITION', `sandbox ${this.#sandbox.id} is being stopped`);
  }

  get #logDirectory(): string {
    return this.state.file(LOG_DIRECTORY);
  }
}
