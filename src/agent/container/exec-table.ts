/** The processes of a container beside its first one, by their exec ids. */
import { KataError } from '../../wire/error.ts';
import { fulfilledWithin } from '../process/within.ts';
import type { ContainerProcess } from './process.ts';

/**
 * Processes whose status was collected while output of theirs was left unread. Some clients read on after that, so it
 * is kept; the oldest go first where a client never does. Each holds up to two pipes.
 */
const MAX_UNREAD = 32;

/** Table of one container. A key is in use until its process's status was collected. */
export class ExecTable {
  readonly #starting = new Map<string, Promise<unknown>>();
  readonly #processes = new Map<string, ContainerProcess>();
  /** Those of `#processes` that were collected, in that order. */
  readonly #unread = new Set<ContainerProcess>();

  /**
   * Starts a process under a key.
   * @throws KataError ERR_ALREADY_EXISTS (INTERNAL on the wire) for a key in use; else what `start` throws.
   */
  async start(execId: string, start: () => Promise<ContainerProcess>): Promise<void> {
    if (this.#inUse(execId)) throw execIdInUse(execId);
    const starting = start();
    this.#starting.set(execId, starting);
    try {
      this.#add(execId, await starting);
    } finally {
      this.#starting.delete(execId);
    }
  }

  /** The process under a key; undefined where there is none, or none yet. */
  get(execId: string): ContainerProcess | undefined {
    return this.#processes.get(execId);
  }

  /** As {@link get}, but where one is being started under that key, waits until it is or cannot be. */
  async whenStarted(execId: string): Promise<ContainerProcess | undefined> {
    await this.#starting.get(execId)?.catch(() => {});
    return this.get(execId);
  }

  /** Waits until no process is being started, or `ms` have passed. */
  async settle(ms: number): Promise<void> {
    await fulfilledWithin(Promise.allSettled(this.#starting.values()), ms);
  }

  /** Settles when all that is in it has ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.ended()));
  }

  /** Lets go of all. */
  dispose(): void {
    for (const process of this.#processes.values()) process.dispose();
    this.#processes.clear();
    this.#unread.clear();
  }

  #inUse(execId: string): boolean {
    return this.#starting.has(execId) || this.#processes.get(execId)?.collectable === true;
  }

  #add(execId: string, process: ContainerProcess): void {
    // One that was collected gives way.
    this.#drop(execId, this.#processes.get(execId));
    this.#processes.set(execId, process);
    void process.collected.then(() => this.#keepUnread(execId, process));
  }

  #keepUnread(execId: string, process: ContainerProcess): void {
    if (this.#processes.get(execId) !== process) return;
    this.#unread.add(process);
    void process.outputsOver().then(() => this.#drop(execId, process));
    const [oldest] = this.#unread;
    if (this.#unread.size > MAX_UNREAD) oldest?.dispose();
  }

  #drop(execId: string, process: ContainerProcess | undefined): void {
    if (process === undefined) return;
    this.#unread.delete(process);
    if (this.#processes.get(execId) !== process) return;
    this.#processes.delete(execId);
    process.dispose();
  }
}

/** Error of a key in use. */
export function execIdInUse(execId: string): KataError {
  return new KataError('ERR_ALREADY_EXISTS', `exec_id '${execId}' already exists`, { status: 13 });
}
