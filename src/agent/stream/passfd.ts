/**
 * Streams by connections of their own ("passfd"): the host connects to a port of the agent, once a stream, and then names
 * the ports of its ends in the request that makes the process.
 */
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { adoptSocket } from '../../linux/handle.ts';
import { type ReadinessWatch, watchReadable } from '../../linux/readiness.ts';
import { VMADDR_CID_ANY, vsockAccept, vsockListen, vsockTakeConnections } from '../../linux/vsock.ts';
import type { Logger } from '../log/logger.ts';

/** Unclaimed connections at a time, the oldest goes first: a host that leaks them does not take every descriptor. */
const MAX_UNCLAIMED = 1024;
/** Connections that may wait to be accepted: as many as may wait to be claimed. */
const BACKLOG = MAX_UNCLAIMED;
/** Connections accepted in one turn of the event loop, so that a flood of them leaves others theirs. */
const ACCEPTS_PER_TURN = 256;
/** Pause after accept(2) has failed, such as for want of descriptors: what waits would be reported again at once (ms). */
const ACCEPT_PAUSE_MS = 100;
/**
 * How long a connection waits for its process (ms): longer than a caller waits for the answer to the request that makes
 * the process, which may be asked for only once the connection stands.
 */
const UNCLAIMED_TIMEOUT_MS = 60_000;
/** How long a process waits for its connection (ms). A host that connects first, as it should, never needs it. */
const CLAIM_TIMEOUT_MS = 300;

/** Ports of the host's ends, as the requests that make processes name them; 0 is none. */
export interface StreamPorts {
  readonly stdin_port: number;
  readonly stdout_port: number;
  readonly stderr_port: number;
}

/** The connections of one process; undefined where none was named or none came. */
export interface StreamSockets {
  readonly stdin: Socket | undefined;
  readonly stdout: Socket | undefined;
  readonly stderr: Socket | undefined;
}

interface Unclaimed {
  readonly fd: number;
  readonly timer: NodeJS.Timeout;
}

/** The socket at which connections come. */
interface Source {
  readonly fd: number;
  readonly watch: ReadinessWatch;
}

/** Closes connections whose process could not be made. */
export function dropSockets({ stdin, stdout, stderr }: StreamSockets): void {
  for (const socket of [stdin, stdout, stderr]) socket?.destroy();
}

/** Connections by the port of the host's end, until a process claims them. */
export class PassfdListener {
  readonly #logger: Logger;
  /** In the order in which they came. */
  readonly #unclaimed = new Map<number, Unclaimed>();
  readonly #claims = new Map<number, (fd: number) => void>();
  #source: Source | undefined;
  #closed = false;

  /** Without a port of its own; connections come by {@link add}. */
  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Listens on a vsock port. @throws KataError ERR_SYSCALL, such as EAFNOSUPPORT or EADDRINUSE. */
  static listen(port: number, logger: Logger): PassfdListener {
    const passfd = new PassfdListener(logger);
    const fd = vsockListen(VMADDR_CID_ANY, port);
    try {
      vsockTakeConnections(fd, BACKLOG);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    // Not by libuv, which accepts one a turn: a burst of requests would overtake the connections that they name.
    passfd.#source = { fd, watch: watchReadable(fd, () => passfd.#accept()) };
    return passfd;
  }

  /**
   * Takes a connection.
   * @param sourcePort of the host's end.
   * @param fd of our end, owned by the listener from now on.
   */
  add(sourcePort: number, fd: number): void {
    const claim = this.#claims.get(sourcePort);
    if (claim !== undefined) {
      claim(fd);
      return;
    }
    this.#drop(sourcePort);
    const timer = setTimeout(() => {
      this.#logger.warn({ port: sourcePort }, 'no process has claimed a stream');
      this.#drop(sourcePort);
    }, UNCLAIMED_TIMEOUT_MS);
    this.#unclaimed.set(sourcePort, { fd, timer });
    const [oldest] = this.#unclaimed.keys();
    if (this.#unclaimed.size > MAX_UNCLAIMED && oldest !== undefined) this.#drop(oldest);
  }

  /**
   * Takes the connection from a port of the host, the caller's from now on. Waits a while for one that is still to come.
   * @returns undefined for port 0, or where none came.
   */
  async take(sourcePort: number): Promise<Socket | undefined> {
    if (sourcePort === 0) return undefined;
    // The kernel tells the host that a connection stands before we have accepted it.
    if (!this.#unclaimed.has(sourcePort)) this.#accept();
    const found = this.#unclaimed.get(sourcePort);
    if (found !== undefined) {
      clearTimeout(found.timer);
      this.#unclaimed.delete(sourcePort);
      return this.#open(found.fd);
    }
    const { promise, resolve } = Promise.withResolvers<number | undefined>();
    const timer = setTimeout(resolve, CLAIM_TIMEOUT_MS, undefined);
    this.#claims.set(sourcePort, (fd) => {
      this.#claims.delete(sourcePort);
      resolve(fd);
    });
    const fd = await promise;
    clearTimeout(timer);
    this.#claims.delete(sourcePort);
    if (fd !== undefined) return this.#open(fd);
    this.#logger.warn({ port: sourcePort }, 'no stream has come from the port');
    return undefined;
  }

  /** Takes the connections of a process. */
  async takeAll(ports: StreamPorts): Promise<StreamSockets> {
    const [stdin, stdout, stderr] = await Promise.all([
      this.take(ports.stdin_port),
      this.take(ports.stdout_port),
      this.take(ports.stderr_port),
    ]);
    return { stdin, stdout, stderr };
  }

  /** Stops listening and drops what nobody has claimed; streams of processes go on. */
  close(): void {
    this.#closed = true;
    this.#source?.watch.close();
    for (const port of this.#unclaimed.keys()) this.#drop(port);
  }

  #accept(): void {
    if (this.#source === undefined || this.#closed) return;
    const { fd, watch } = this.#source;
    try {
      for (let count = 0; count < ACCEPTS_PER_TURN; count += 1) {
        const accepted = vsockAccept(fd);
        if (accepted === undefined) return;
        this.add(accepted.peerPort, accepted.fd);
      }
    } catch (error) {
      this.#logger.warn({ error }, 'accepting a stream failed');
      watch.pause();
      setTimeout(() => {
        if (!this.#closed) watch.resume();
      }, ACCEPT_PAUSE_MS);
    }
  }

  #open(fd: number): Socket | undefined {
    try {
      // What the host has sent waits in the kernel until somebody reads, and each direction ends by itself.
      const socket = adoptSocket(fd, { allowHalfOpen: true, pauseOnCreate: true });
      // A reset must not end the agent; who reads or writes learns of it.
      socket.on('error', () => {});
      return socket;
    } catch (error) {
      this.#logger.warn({ error }, 'a stream cannot be used');
      return undefined;
    }
  }

  #drop(sourcePort: number): void {
    const unclaimed = this.#unclaimed.get(sourcePort);
    if (unclaimed === undefined) return;
    clearTimeout(unclaimed.timer);
    this.#unclaimed.delete(sourcePort);
    closeSync(unclaimed.fd);
  }
}
