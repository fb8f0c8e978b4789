/** What a scenario has at hand. */
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../../wire/error.ts';
import { AgentClient } from '../../wire/ttrpc/agent-client.ts';
import { AGENT_PORT } from '../agent-connection.ts';
import { ContainerUnderTest, type ContainerWish } from './container-under-test.ts';
import { expectEqual, unmet } from './expectation.ts';
import { GUEST_ROOT } from './guest-root.ts';
import { RawConnection } from './raw-connection.ts';
import type { Session } from './session.ts';
import { ShimCaller } from './shim-caller.ts';

/** An agent under test accepts at once. */
const CONNECT_TIMEOUT_MS = 10_000;
/** What a scenario has left behind is taken away in this time, or given up (ms). */
const CLEAN_UP_TIMEOUT_MS = 10_000;
/** A process that was killed by SIGKILL. */
const KILLED = 128 + 9;
/** Between two looks at something that comes by itself (ms). */
const LOOK_INTERVAL_MS = 20;

/** The calls, containers and connections of one scenario. */
export class Scene {
  readonly calls: AgentClient;
  readonly agent: AgentClient['agent'];
  readonly health: AgentClient['health'];
  readonly sandboxId: string;
  readonly signal: AbortSignal;
  readonly #session: Session;
  readonly #caller: ShimCaller;
  readonly #prefix: string;
  readonly #containers: ContainerUnderTest[] = [];
  readonly #streams: Duplex[] = [];
  #made = 0;

  /**
   * @param name of the scenario, which begins the ids of its containers.
   * @param signal ends all its calls.
   */
  constructor(session: Session, name: string, signal: AbortSignal) {
    this.#session = session;
    this.#caller = new ShimCaller(session.client, signal);
    this.calls = new AgentClient(this.#caller);
    this.agent = this.calls.agent;
    this.health = this.calls.health;
    this.sandboxId = session.id;
    this.signal = signal;
    this.#prefix = `${session.id}-${name}`;
  }

  /** Its calls. */
  get caller(): ShimCaller {
    return this.#caller;
  }

  /** Containers that the agent has told to be out of memory, in that order, since the sandbox was made. */
  get outOfMemory(): readonly string[] {
    return this.#session.outOfMemory;
  }

  /** Resolves when the agent has ended the connection. */
  get gone(): Promise<unknown> {
    return this.#session.client.closed;
  }

  /** Stops and removes the pause container of the sandbox, which no one may need any more. */
  async stopPause(): Promise<void> {
    expectEqual('status of the pause container', await this.#session.stopPause(), KILLED);
  }

  /** An id that no container has had. */
  newId(): string {
    this.#made += 1;
    return `${this.#prefix}-${this.#made}`;
  }

  /** Creates a container. It is removed after the scenario. */
  async create(wish: ContainerWish, id = this.newId()): Promise<ContainerUnderTest> {
    const container = new ContainerUnderTest(this.calls, id, GUEST_ROOT);
    // Before the call: one that fails half-way may have made it.
    this.#containers.push(container);
    await container.create(wish);
    return container;
  }

  /** Creates a container and starts it. */
  async start(wish: ContainerWish): Promise<ContainerUnderTest> {
    const container = await this.create(wish);
    await container.start();
    return container;
  }

  /** A running container that does nothing. */
  idle(): Promise<ContainerUnderTest> {
    return this.start({ args: ['sleep', '1000'] });
  }

  /** Another connection to the agent. It is closed after the scenario. */
  async connect(): Promise<Duplex> {
    const stream = await this.#session.connector.connect(AGENT_PORT, CONNECT_TIMEOUT_MS);
    this.#streams.push(stream);
    return stream;
  }

  /** Another connection, for frames as they are. */
  async connectRaw(): Promise<RawConnection> {
    return new RawConnection(await this.connect());
  }

  /** Waits, unless the scenario is over. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.signal }).catch((error: unknown) => {
      throw new KataError('ERR_CANCELLED', 'the scenario is over', { cause: error });
    });
  }

  /** Looks until something holds. @throws KataError where it does not within the time (ms). */
  async until(what: string, limitMs: number, holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = performance.now() + limitMs;
    while (!(await holds())) {
      if (performance.now() > end) throw unmet(what, `it within ${limitMs} ms`, 'nothing');
      await this.pause(LOOK_INTERVAL_MS);
    }
  }

  /** Takes away what the scenario has left: by calls of their own, since the scenario's may be over. */
  async cleanUp(): Promise<void> {
    for (const stream of this.#streams) stream.destroy();
    const caller = new ShimCaller(this.#session.client, AbortSignal.timeout(CLEAN_UP_TIMEOUT_MS));
    const calls = new AgentClient(caller);
    await Promise.all(this.#containers.map((container) => container.remove(calls).catch(() => {})));
  }
}
