/** Listens to the kernel's device events and hands them on. */
import type { Socket } from 'node:net';
import { adoptSocket } from '../../linux/handle.ts';
import { openUeventSocket, parseUevent, type Uevent } from '../../linux/uevent.ts';
import type { Logger } from '../log/logger.ts';

/** Gets each event while it is subscribed. */
export type UeventSubscriber = (event: Uevent) => void;

/** One netlink socket for the whole agent. Events are hints: who waits for a device looks into /sys as well. */
export class UeventListener {
  readonly #logger: Logger;
  readonly #subscribers = new Set<UeventSubscriber>();
  #socket: Socket | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * Starts to listen.
   * @throws KataError ERR_SYSCALL where the socket cannot be opened.
   */
  start(): void {
    const socket = adoptSocket(openUeventSocket(), { writable: false });
    this.#socket = socket;
    socket.on('data', (datagram: Buffer) => this.#deliver(datagram));
    socket.on('error', (error) => {
      // ENOBUFS: the kernel had more than the buffer holds. What was in it is lost either way; the next event is not.
      this.#logger.warn({ error }, 'device events were lost');
      this.#restart();
    });
  }

  /** Stops listening. */
  stop(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** Subscribes to every event from now on; the returned function ends that. */
  subscribe(subscriber: UeventSubscriber): () => void {
    this.#subscribers.add(subscriber);
    return () => this.#subscribers.delete(subscriber);
  }

  #deliver(datagram: Uint8Array): void {
    const event = parseUevent(datagram);
    if (event === undefined) return;
    this.#logger.trace({ action: event.action, devpath: event.devpath }, 'device event');
    for (const subscriber of [...this.#subscribers]) subscriber(event);
  }

  #restart(): void {
    this.stop();
    try {
      this.start();
    } catch (error) {
      this.#logger.error({ error }, 'device events can no longer be received');
    }
  }
}
