/** A sandbox of the client's own in an agent, and what the shim does beside its calls all along. */
import { setTimeout as delay } from 'node:timers/promises';
import { KataError } from '../../wire/error.ts';
import { AgentClient } from '../../wire/ttrpc/agent-client.ts';
import type { TtrpcClient } from '../../wire/ttrpc/client.ts';
import { type AgentConnection, type AgentConnector, connectAgent } from '../agent-connection.ts';
import { randomName } from '../name.ts';
import { GUEST_SHM } from '../oci-spec/spec.ts';
import { ContainerUnderTest } from './container-under-test.ts';
import { expectEqual, expectThat } from './expectation.ts';
import { copyRoot, GUEST_ROOT } from './guest-root.ts';
import { ShimCaller } from './shim-caller.ts';

/** Pace of the sign of life of shim 2.2; later ones ask every five seconds (ms). */
const CHECK_INTERVAL_MS = 1_000;
/** The shim's pause after an error of GetOOMEvent (ms). */
const OOM_RETRY_MS = 1_000;
/** Health.CheckRequest answers with it (health.proto). */
const SERVING = 1;

/** How the signs of life went. */
export interface Pulse {
  readonly checks: number;
  readonly slowestMs: number;
  /** Of the first one that failed. */
  readonly failure: string | undefined;
}

/** See above. */
export class Session {
  readonly id: string;
  readonly client: TtrpcClient;
  readonly connector: AgentConnector;
  /** Containers named by GetOOMEvent, in their order. */
  readonly outOfMemory: string[] = [];
  readonly #calls: AgentClient;
  readonly #over = new AbortController();
  readonly #pulseOver = new AbortController();
  readonly #pause: ContainerUnderTest;
  #pauseEnded: Promise<number> = Promise.resolve(0);
  #version = '';
  #pulse: Pulse = { checks: 0, slowestMs: 0, failure: undefined };

  private constructor(connector: AgentConnector, { client }: AgentConnection) {
    this.id = randomName();
    this.connector = connector;
    this.client = client;
    this.#calls = new AgentClient(new ShimCaller(client, this.#over.signal));
    // The shim gives it the sandbox's name.
    this.#pause = new ContainerUnderTest(this.#calls, this.id, GUEST_ROOT);
  }

  /**
   * Connects, and makes the sandbox and its pause container in the shim's order.
   * @param timeoutMs of the connection; each call has the shim's.
   * @throws KataError where the agent does something else than the shim expects.
   */
  static async open(connector: AgentConnector, timeoutMs: number): Promise<Session> {
    const never = new AbortController().signal;
    const session = new Session(connector, await connectAgent(connector, timeoutMs, never));
    try {
      await session.#shakeHands();
      await copyRoot(session.#calls);
      await session.#startPause();
    } catch (error) {
      session.close();
      throw error;
    }
    void session.#beat();
    void session.#watchMemory();
    return session;
  }

  /** What the agent says that it is. */
  get version(): string {
    return this.#version;
  }

  /** How the signs of life went until now. */
  get pulse(): Pulse {
    return this.#pulse;
  }

  /** Stops and removes the pause container. @returns its status, as the wait was told that the shim makes at its start. */
  async stopPause(): Promise<number> {
    await this.#pause.kill();
    const status = await this.#pauseEnded;
    await this.#pause.remove();
    return status;
  }

  /** Ends the connection, and what is done all along. */
  close(): void {
    this.#pulseOver.abort();
    this.#over.abort(new KataError('ERR_CANCELLED', 'the session is over'));
    this.client.close();
  }

  /** Ends the signs of life: what comes next ends the agent. */
  endPulse(): void {
    this.#pulseOver.abort();
  }

  async #shakeHands(): Promise<void> {
    const { agent, health } = this.#calls;
    expectEqual('Check: status', (await health.Check({})).status, SERVING);
    const shm = {
      driver: 'ephemeral',
      source: 'shm',
      fstype: 'tmpfs',
      options: ['noexec', 'nosuid', 'nodev', 'mode=1777', 'size=67108864'],
      mount_point: GUEST_SHM,
    };
    await agent.CreateSandbox({ sandbox_id: this.id, hostname: this.id, storages: [shm] });
    const details = await agent.GetGuestDetails({ mem_block_size: true, mem_hotplug_probe: true });
    const told = details.agent_details;
    this.#version = told?.version ?? '';
    expectThat(this.#version !== '', 'GetGuestDetails: version', 'one', told?.version);
    const drivers = told?.storage_handlers ?? [];
    for (const driver of ['ephemeral', 'local', 'virtio-fs', 'blk', 'scsi']) {
      expectThat(drivers.includes(driver), 'GetGuestDetails: storage_handlers', driver, drivers);
    }
  }

  /** Nobody reads its outputs, and its wait comes at once. */
  async #startPause(): Promise<void> {
    const { agent } = this.#calls;
    await this.#pause.create({ args: ['sleep', '1000000'] });
    await agent.OnlineCPUMem({ wait: false, nb_cpus: 0, cpu_only: false });
    await agent.UpdateEphemeralMounts({ storages: [] });
    await this.#pause.start();
    this.#pauseEnded = this.#pause.init.wait();
  }

  /** Asks for a sign of life as long as there is one. */
  async #beat(): Promise<void> {
    try {
      for (;;) {
        const began = performance.now();
        await this.#calls.health.Check({});
        const ms = performance.now() - began;
        const { checks, slowestMs } = this.#pulse;
        this.#pulse = { checks: checks + 1, slowestMs: Math.max(slowestMs, ms), failure: undefined };
        await delay(CHECK_INTERVAL_MS, undefined, { signal: this.#pulseOver.signal });
      }
    } catch (error) {
      if (!this.#pulseOver.signal.aborted) this.#pulse = { ...this.#pulse, failure: KataError.from(error).message };
    }
  }

  /** Waits for containers that are out of memory, one call after the other. */
  async #watchMemory(): Promise<void> {
    while (!this.#over.signal.aborted) {
      try {
        this.outOfMemory.push((await this.#calls.agent.GetOOMEvent({})).container_id);
      } catch (error) {
        if (KataError.from(error).message.includes('ttrpc: closed')) return;
        await delay(OOM_RETRY_MS, undefined, { signal: this.#over.signal }).catch(() => {});
      }
    }
  }
}
