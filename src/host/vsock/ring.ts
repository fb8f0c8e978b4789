/** One queue as QEMU sets it up: its addresses, its two eventfds, and the virtqueue while it runs. */
import { closeSync } from 'node:fs';
import { drainEventfd, signalEventfd } from '../../linux/eventfd.ts';
import { type ReadinessWatch, watchReadable } from '../../linux/readiness.ts';
import { KataError } from '../../wire/error.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { VringAddress } from './vhost-user.ts';
import { type QueueLayout, Virtqueue } from './virtqueue.ts';

/**
 * - `stopped`: set up in part, or stopped by QEMU; `base` is where it goes on.
 * - `running`: started by its kick descriptor.
 */
type RingState =
  | { readonly kind: 'stopped'; readonly base: number }
  | { readonly kind: 'running'; readonly queue: Virtqueue; readonly startedAt: number };

/** Features that the driver agreed to, as far as queues care. */
export type RingFeatures = Pick<QueueLayout, 'indirect' | 'eventIndex'>;

/** A queue. Descriptors given to it are its own from then on. */
export class Ring {
  readonly #writer: QueueLayout['writer'];
  readonly #onKick: () => void;
  #state: RingState = { kind: 'stopped', base: 0 };
  #size = 0;
  #address: VringAddress | undefined;
  #kick: ReadinessWatch | undefined;
  #callFd: number | undefined;
  #errorFd: number | undefined;
  #isEnabled = false;

  /** @param onKick called when the driver has kicked, and once for anything that it did before the kick was watched. */
  constructor(writer: QueueLayout['writer'], onKick: () => void) {
    this.#writer = writer;
    this.#onKick = onKick;
  }

  /** The virtqueue, where it runs and QEMU has enabled it. */
  get queue(): Virtqueue | undefined {
    return this.#state.kind === 'running' && this.#isEnabled ? this.#state.queue : undefined;
  }

  /** True where it runs from the very start of the ring: the driver has set it up anew. */
  get isFresh(): boolean {
    return this.#state.kind === 'running' && this.#state.startedAt === 0;
  }

  /** Entries; takes effect at the next start. */
  setSize(size: number): void {
    this.#size = size;
  }

  /** Where the rings are; takes effect at the next start. */
  setAddress(address: VringAddress): void {
    this.#address = address;
  }

  /** From which index the ring goes on; ignored while it runs. */
  setBase(base: number): void {
    if (this.#state.kind === 'stopped') this.#state = { kind: 'stopped', base };
  }

  /** Whether the ring may be served. */
  setEnabled(isEnabled: boolean): void {
    this.#isEnabled = isEnabled;
  }

  /** The eventfd by which the driver is interrupted; undefined for none. */
  setCall(fd: number | undefined): void {
    if (this.#callFd !== undefined) closeSync(this.#callFd);
    this.#callFd = fd;
  }

  /** The eventfd that tells QEMU that the ring is broken; undefined for none. */
  setError(fd: number | undefined): void {
    if (this.#errorFd !== undefined) closeSync(this.#errorFd);
    this.#errorFd = fd;
  }

  /**
   * Starts the ring: its kick descriptor is the signal to do so.
   * @throws KataError where addresses or size make no sense; the descriptor is then still the caller's.
   */
  start(memory: GuestMemory, features: RingFeatures, kickFd: number): void {
    const base = this.stop();
    const { descriptors = 0, available = 0, used = 0 } = this.#address ?? {};
    const layout = { size: this.#size, descriptors, available, used, writer: this.#writer, ...features };
    const queue = new Virtqueue(memory, layout, base);
    this.#kick = watchReadable(kickFd, () => {
      drainEventfd(kickFd);
      this.#onKick();
    });
    this.#state = { kind: 'running', queue, startedAt: base };
  }

  /** Stops the ring. @returns the index at which it can go on. */
  stop(): number {
    this.#kick?.close();
    this.#kick = undefined;
    const base = this.#state.kind === 'running' ? this.#state.queue.nextAvailable : this.#state.base;
    this.#state = { kind: 'stopped', base };
    return base;
  }

  /** Stops it and forgets everything that QEMU has set. */
  reset(): void {
    this.stop();
    this.setCall(undefined);
    this.setError(undefined);
    this.#state = { kind: 'stopped', base: 0 };
    this.#address = undefined;
    this.#size = 0;
    this.#isEnabled = false;
  }

  /** Follows a change of the memory regions. @returns why it was stopped, where the rings are in none of them now. */
  remap(): KataError | undefined {
    if (this.#state.kind !== 'running') return undefined;
    try {
      this.#state.queue.remap();
      return undefined;
    } catch (error) {
      this.stop();
      return KataError.from(error);
    }
  }

  /** Interrupts the driver where it asked for it. */
  interrupt(): void {
    const queue = this.queue;
    if (queue?.shouldInterrupt() === true && this.#callFd !== undefined) signalEventfd(this.#callFd);
  }

  /** Tells QEMU that the ring is broken. */
  reportBroken(): void {
    if (this.#errorFd !== undefined) signalEventfd(this.#errorFd);
  }
}
