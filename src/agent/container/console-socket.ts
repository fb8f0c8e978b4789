/** The socket by which the runtime hands over a terminal that it made in a container's own devpts. */
import { Buffer } from 'node:buffer';
import { closeSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { duplicateFd, receiveWithFds } from '../../linux/fdpass.ts';
import { descriptorOf } from '../../linux/handle.ts';
import { type ReadinessWatch, watchReadable } from '../../linux/readiness.ts';
import { KataError } from '../../wire/error.ts';
import { fulfilledWithin } from '../process/within.ts';
import { BASE } from '../sandbox/paths.ts';

/** The runtime has ended by then, so the message waits in the kernel already (ms). */
const RECEIVE_DEADLINE_MS = 5_000;
/** The runtime sends the terminal's name, or one byte, with it (bytes). */
const MESSAGE_BYTES = 4_096;

// A container's id cannot begin with a dot; a path in its bundle could be longer than a socket's address may be.
const PATH_PREFIX = `${BASE}/.console-`;
let sockets = 0;

/** Receives one terminal. */
export class ConsoleSocket {
  readonly path: string;
  readonly #server: Server;
  readonly #master = Promise.withResolvers<number>();
  #watch: ReadinessWatch | undefined;
  #taken = false;

  private constructor(path: string) {
    this.path = path;
    this.#server = createServer({ pauseOnConnect: true }, (connection) => this.#accept(connection));
    this.#server.on('error', (error) => this.#master.reject(KataError.from(error)));
    // Nobody may be waiting for it.
    this.#master.promise.catch(() => {});
  }

  /** Listens. @throws KataError ERR_SYSCALL. */
  static async listen(): Promise<ConsoleSocket> {
    sockets += 1;
    const socket = new ConsoleSocket(`${PATH_PREFIX}${sockets}`);
    const { promise: listening, resolve } = Promise.withResolvers<void>();
    socket.#server.listen(socket.path, resolve);
    await Promise.race([listening, socket.#master.promise]);
    return socket;
  }

  /**
   * The master; to be asked for when the runtime has ended.
   * @returns a descriptor that the caller owns from now on.
   * @throws KataError ERR_INTERNAL where none came; ERR_SYSCALL.
   */
  async take(): Promise<number> {
    if (!(await fulfilledWithin(this.#master.promise, RECEIVE_DEADLINE_MS))) {
      throw new KataError('ERR_INTERNAL', 'the runtime has sent no terminal');
    }
    this.#taken = true;
    return await this.#master.promise;
  }

  /** Ends it. A terminal that was not taken is closed, even where it comes later. */
  close(): void {
    this.#server.close();
    this.#watch?.close();
    rmSync(this.path, { force: true });
    if (!this.#taken) this.#master.promise.then(closeSync, () => {});
    this.#master.reject(new KataError('ERR_INTERNAL', 'the socket for the terminal is closed'));
  }

  #accept(connection: Socket): void {
    // Not by the stream: a read by libuv would drop the descriptor that comes with the bytes.
    const fd = duplicateFd(descriptorOf(connection));
    connection.destroy();
    const watch = watchReadable(fd, () => this.#receive(fd, watch));
    this.#watch = watch;
  }

  #receive(fd: number, watch: ReadinessWatch): void {
    try {
      const received = receiveWithFds(fd, Buffer.alloc(MESSAGE_BYTES));
      if (received.kind === 'empty') return;
      const [master, ...others] = received.kind === 'data' ? received.fds : [];
      for (const other of others) closeSync(other);
      watch.close();
      if (master === undefined) throw new KataError('ERR_INTERNAL', 'the runtime has sent no terminal');
      this.#master.resolve(master);
    } catch (error) {
      watch.close();
      this.#master.reject(KataError.from(error));
    }
  }
}
