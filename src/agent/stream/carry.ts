/** Joins the streams of a process with the connections that the host has made for them. */
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { descriptorOf } from '../../linux/handle.ts';
import { watchStream } from '../../linux/readiness.ts';
import { readAvailable, writeAvailable } from '../../linux/transfer.ts';
import type { Logger } from '../log/logger.ts';
import { CHUNK_BYTES, giveChunk, takeChunk } from './chunk.ts';
import type { InputStream } from './input-stream.ts';
import { type Look, type OutputStream, readOrEnd } from './output-stream.ts';
import type { StreamSockets } from './passfd.ts';

/** What the kernel's own choice of a pipe holds (pipe(7)), in bytes. */
const DEFAULT_PIPE_BYTES = 64 * 1024;

/** What is carried of a process. */
export interface CarriedProcess {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  /** With a terminal the same stream as `stdout`. */
  readonly stderr: OutputStream;
  /** Settles when it has ended. */
  ended(): Promise<void>;
}

/**
 * Joins them, in the background. A process without an output connection is read by calls, as ever.
 *
 * Output whose connection is lost loses its reader: the pipe is closed, and a program that goes on writing gets SIGPIPE,
 * as in any pipeline. To read on in its place would let it run for ever for nobody. A terminal whose connection is lost
 * is hung up. Input whose connection is lost has ended.
 * @returns settles when the outputs that have a connection have ended and all of it is on its way to the host.
 */
export function carryStreams(
  process: CarriedProcess,
  sockets: StreamSockets,
  logger: Logger,
): { outputsDone: Promise<void> } {
  const { stdin, stdout, stderr } = process;
  const outputs: Promise<void>[] = [];
  const lost = (error: unknown): void => {
    logger.debug({ error }, 'the connection of an output is lost');
    // The last descriptor of a terminal hangs it up.
    if (stdout === stderr) stdin.close();
  };
  if (sockets.stdout !== undefined) outputs.push(carryOutput(stdout, sockets.stdout, lost));
  if (sockets.stderr !== undefined) {
    if (stdout === stderr) sockets.stderr.destroy();
    else outputs.push(carryOutput(stderr, sockets.stderr, lost));
  }
  if (sockets.stdin !== undefined) void carryInput(sockets.stdin, stdin, process.ended());
  return { outputsDone: Promise.all(outputs).then(() => {}) };
}

/** Whether the peer still takes bytes: the answer to a write of none tells (EPIPE, ENOTCONN), with nothing sent. */
function takesMore(socket: Socket): boolean {
  try {
    writeSync(descriptorOf(socket), new Uint8Array());
    return true;
  } catch {
    return false;
  }
}

/**
 * Sends the first `count` bytes of `chunk`. What finds no room is sent when there is some, and `chunk` is kept until then.
 * @param done told when all of it is on its way, where it had to wait; with the error, where the connection is lost.
 * @returns whether all of it is on its way; `chunk` is then given back.
 */
function send(socket: Socket, chunk: Buffer, count: number, done: (error?: Error | null) => void): boolean {
  const sent = writeAvailable(descriptorOf(socket), count === chunk.length ? chunk : chunk.subarray(0, count));
  if (sent === count) {
    giveChunk(chunk);
    return true;
  }
  socket.write(chunk.subarray(sent, count), (error) => {
    giveChunk(chunk);
    done(error);
  });
  return false;
}

async function carryOutput(output: OutputStream, socket: Socket, onLost: (error: unknown) => void): Promise<void> {
  let isDone = false;
  let cause: unknown;
  // Ends the reading too, with an error.
  const lose = (error?: unknown): void => {
    if (isDone) return;
    cause = error;
    output.close();
  };
  // The host sends nothing here, but only who reads sees it go. Half a close says that it sends nothing, and no more.
  socket.on('end', () => {
    if (!takesMore(socket)) lose();
  });
  socket.on('close', () => lose());
  output.closed.addEventListener('abort', () => void socket.destroy(), { once: true });
  socket.resume();
  const look = (fd: number): Look => {
    const chunk = takeChunk();
    const count = readOrEnd(fd, chunk);
    if (count === undefined || count === 0) {
      giveChunk(chunk);
      return count === 0 ? 'end' : 'nothing';
    }
    // A program that fills its pipe would fill a larger one: fewer switches between it and us.
    if (count === DEFAULT_PIPE_BYTES) output.grow(CHUNK_BYTES);
    return send(socket, chunk, count, (error) => (error ? lose(error) : goOn())) ? 'moved' : 'waiting';
  };
  const { ended, goOn } = output.handOver(look);
  try {
    await ended;
    socket.end();
  } catch (error) {
    onLost(cause ?? error);
    output.close();
  } finally {
    isDone = true;
    socket.destroySoon();
  }
}

async function carryInput(socket: Socket, input: InputStream, ended: Promise<void>): Promise<void> {
  const over = new AbortController();
  const { promise, resolve: stop } = Promise.withResolvers<void>();
  const move = (): void => {
    const chunk = takeChunk();
    let isKept = false;
    try {
      const count = readAvailable(descriptorOf(socket), chunk);
      if (count === 0) stop();
      if (count === undefined || count === 0) return;
      const taken = input.writeAvailable(count === chunk.length ? chunk : chunk.subarray(0, count));
      if (taken === count) return;
      isKept = true;
      watch.pause();
      input.grow(CHUNK_BYTES);
      const written = input.write(chunk.subarray(taken, count), over.signal);
      const goOn = (): void => {
        if (!over.signal.aborted) watch.resume();
      };
      void written.then(goOn, stop).finally(() => giveChunk(chunk));
    } catch {
      // The connection is lost, or the process takes no more: either way the input is at its end.
      stop();
    } finally {
      if (!isKept) giveChunk(chunk);
    }
  };
  const watch = watchStream(socket, move);
  await Promise.race([promise, ended]);
  over.abort();
  input.end();
  watch.close();
}
