/** The vhost-user-vsock device of one guest, inside this process; see docs/vsock-device.md. */
import { closeSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { duplicateFd } from '../../linux/fdpass.ts';
import { descriptorOf } from '../../linux/handle.ts';
import { KataError } from '../../wire/error.ts';
import { Backend } from './backend.ts';
import { ControlChannel } from './control-channel.ts';
import type { GuestVsock } from './guest-vsock.ts';
import { HybridSocket } from './hybrid-socket.ts';
import { Muxer, type VsockStats } from './muxer.ts';
import { openStream } from './open-stream.ts';
import { QueueService } from './queue-service.ts';
import { Ring } from './ring.ts';
import { VsockStream } from './stream.ts';
import { closeServer, listenAt } from './unix-server.ts';

/** Lowest and highest context id that a guest may have: 0, 1 and 2 are taken, and so is the highest number. */
const GUEST_CID_MIN = 3;
const GUEST_CID_MAX = 0xfffffffe;

/** How a device is opened. */
export interface VsockDeviceOptions {
  /** Where QEMU finds the device: `-chardev socket,id=v,path=<socketPath> -device vhost-user-vsock-pci,chardev=v`. */
  readonly socketPath: string;
  /** Context id of the guest, 3 to 4294967294. */
  readonly guestCid: number;
  /** Where other programs find the guest's ports (`CONNECT <port>\n`), and the start of the names at which they wait. */
  readonly hybridPath?: string | undefined;
  /**
   * How long a `CONNECT` may wait for a program of the guest to listen (ms). By default a guest that refuses, or that is
   * silent for two seconds, ends it at once.
   */
  readonly hybridPatienceMs?: number | undefined;
  /** Gets one line for each thing that goes wrong in the device itself. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A device that waits for a QEMU at its socket, serves it, and waits for the next. */
export class VsockDevice implements GuestVsock {
  readonly #server: Server;
  readonly #muxer: Muxer;
  readonly #backend: Backend;
  readonly #service: QueueService;
  readonly #log: (line: string) => void;
  #channel: ControlChannel | undefined;
  #hybrid: HybridSocket | undefined;
  #isClosed = false;

  /**
   * Opens the device; QEMU may be started when the promise resolves.
   * @throws KataError ERR_INVALID_ARGUMENT for a context id that a guest cannot have; ERR_SYSCALL where a socket cannot
   *   be made.
   */
  static async open(options: VsockDeviceOptions): Promise<VsockDevice> {
    const { guestCid, socketPath, hybridPath, hybridPatienceMs = 0 } = options;
    if (!Number.isInteger(guestCid) || guestCid < GUEST_CID_MIN || guestCid > GUEST_CID_MAX) {
      throw new KataError('ERR_INVALID_ARGUMENT', `guestCid ${guestCid} is not ${GUEST_CID_MIN} to ${GUEST_CID_MAX}`);
    }
    const device = new VsockDevice(BigInt(guestCid), options.log ?? (() => {}));
    await listenAt(device.#server, socketPath);
    try {
      if (hybridPath !== undefined)
        device.#hybrid = await HybridSocket.open(hybridPath, device.#muxer, hybridPatienceMs);
    } catch (error) {
      await device.close();
      throw error;
    }
    return device;
  }

  private constructor(guestCid: bigint, log: (line: string) => void) {
    this.#log = log;
    const muxer = new Muxer(guestCid, () => service.serve());
    const receive = new Ring('device', () => service.serve());
    const transmit = new Ring('driver', () => service.serve());
    const service = new QueueService(muxer, { receive, transmit }, (error) => this.#broken(error));
    this.#muxer = muxer;
    this.#service = service;
    // Queue 0 is the receive queue and 1 the transmit queue (virtio 1.2, 5.10.2); QEMU keeps 2, of events, to itself.
    this.#backend = new Backend([receive, transmit], guestCid, () => service.ringsChanged());
    // The socket is only a carrier of descriptors for us: its own reading must not begin.
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Figures since the device was opened. */
  get stats(): Readonly<VsockStats> {
    return { ...this.#muxer.stats };
  }

  async connect(port: number, timeoutMs: number): Promise<VsockStream> {
    if (this.#isClosed) throw new KataError('ERR_CANCELLED', 'vsock: the device is closed');
    if (this.#service.failure !== undefined) throw this.#service.failure;
    const { stream, opened } = openStream(this.#muxer, port, timeoutMs);
    await opened;
    return stream;
  }

  listen(port: number, onConnection: (stream: Duplex) => void): { close(): void } {
    return this.#muxer.listen(port, (offer) => {
      const stream = offer.accept((connection) => new VsockStream(connection));
      // Later: what the listener does, or throws, must not happen in the middle of serving a queue.
      if (stream !== undefined) setImmediate(onConnection, stream);
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#muxer.dropAll(undefined, false);
    this.#channel?.close();
    const hybrid = this.#hybrid;
    this.#hybrid = undefined;
    await hybrid?.close();
    await closeServer(this.#server);
  }

  #accept(socket: Socket): void {
    try {
      if (this.#channel !== undefined)
        throw new KataError('ERR_FAILED_PRECONDITION', 'vsock: a second QEMU was refused');
      this.#openChannel(duplicateFd(descriptorOf(socket)));
    } catch (error) {
      this.#log(KataError.from(error).message);
    } finally {
      socket.destroy();
    }
  }

  #openChannel(fd: number): void {
    try {
      this.#channel = new ControlChannel(fd, this.#backend, (error) => this.#channelClosed(error), this.#log);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  #channelClosed(error: KataError | undefined): void {
    this.#channel = undefined;
    this.#service.stopped();
    if (error !== undefined) this.#log(`the connection to QEMU failed: ${error.message}`);
    this.#muxer.dropAll(
      new KataError('ERR_UNAVAILABLE', 'vsock: the virtual machine has gone', { errno: 'ECONNRESET' }),
      true,
    );
  }

  #broken(error: KataError): void {
    this.#log(`the device stops until the guest's driver starts anew: ${error.message}`);
  }
}
