/** A guest's vsock where the host's kernel makes the device (vhost-vsock). */
import type { Duplex } from 'node:stream';
import { listenOn } from '../linux/handle.ts';
import { VMADDR_CID_ANY, vsockConnect, vsockListen } from '../linux/vsock.ts';
import type { GuestStream, GuestVsock } from './vsock/guest-vsock.ts';

/** Connections of a guest that may wait to be taken. */
const BACKLOG = 128;

/** AF_VSOCK sockets to and from one guest. */
export class KernelVsock implements GuestVsock {
  readonly #guestCid: number;
  readonly #streams = new Set<Duplex>();
  readonly #listeners = new Set<{ close(): void }>();

  /** @param guestCid context id that QEMU gives the guest; no other guest of the host may have it. */
  constructor(guestCid: number) {
    this.#guestCid = guestCid;
  }

  async connect(port: number, timeoutMs: number): Promise<GuestStream> {
    return this.#track(await vsockConnect(this.#guestCid, port, timeoutMs));
  }

  listen(port: number, onConnection: (stream: Duplex) => void): { close(): void } {
    const fd = vsockListen(VMADDR_CID_ANY, port);
    const listener = listenOn(fd, BACKLOG, (stream) => onConnection(this.#track(stream)));
    this.#listeners.add(listener);
    return {
      close: () => {
        if (this.#listeners.delete(listener)) listener.close();
      },
    };
  }

  close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
    for (const stream of this.#streams) stream.destroy();
    return Promise.resolve();
  }

  #track<T extends Duplex>(stream: T): T {
    this.#streams.add(stream);
    stream.on('close', () => this.#streams.delete(stream));
    return stream;
  }
}
