/** Log lines to whoever connects to the log port. */
import type { Socket } from 'node:net';
import { listenOn } from '../../linux/handle.ts';
import { VMADDR_CID_ANY, vsockListen } from '../../linux/vsock.ts';
import { type DropNotice, LineQueue } from './line-queue.ts';
import type { LogPort } from './log-output.ts';

const BACKLOG = 1;

/** What the reader's stream may hold unsent before lines wait in the queue instead (bytes). */
const MAX_UNSENT_BYTES = 64 * 1024;

/**
 * Serves the log to one reader at a time. Until one is there, and while it is slow, lines wait in a bounded queue.
 * When the reader goes, the next one that connects takes its place.
 */
export class ReaderSink implements LogPort {
  readonly #queue: LineQueue;
  #reader: Socket | undefined;

  constructor(notice: DropNotice) {
    this.#queue = new LineQueue(notice);
  }

  write(line: string): void {
    this.#queue.push(line);
    this.#send();
  }

  /** Takes a connection as the reader; turned away where there is one already. Nothing is read from it. */
  accept(socket: Socket): void {
    socket.on('error', () => {});
    if (this.#reader !== undefined) {
      socket.destroy();
      return;
    }
    this.#reader = socket;
    // Without reading, the end of the connection would go unseen.
    socket.resume();
    socket.on('drain', () => this.#send());
    socket.on('close', () => {
      this.#reader = undefined;
    });
    this.#send();
  }

  close(): Promise<void> {
    const reader = this.#reader;
    if (reader === undefined || reader.destroyed) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    reader.on('close', resolve);
    // All of it at once: the bound on what is unsent has nothing left to protect.
    for (let head = this.#queue.head(); head !== undefined; head = this.#queue.head()) {
      reader.write(head);
      this.#queue.consume(head.length);
    }
    reader.end(resolve);
    return promise;
  }

  #send(): void {
    const reader = this.#reader;
    if (reader === undefined || reader.destroyed || reader.writableEnded) return;
    for (let head = this.#queue.head(); head !== undefined; head = this.#queue.head()) {
      if (reader.writableLength > MAX_UNSENT_BYTES) return;
      reader.write(head);
      this.#queue.consume(head.length);
    }
  }
}

/**
 * Serves the log on a vsock port.
 * @throws KataError ERR_SYSCALL, such as EAFNOSUPPORT or EADDRINUSE.
 */
export function serveLog(sink: ReaderSink, port: number): void {
  listenOn(vsockListen(VMADDR_CID_ANY, port), BACKLOG, (socket) => sink.accept(socket));
}
