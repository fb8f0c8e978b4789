/** Joins the streams of a process with the connections that the host has made for them. */
import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { descriptorOf } from '../../linux/handle.ts';
import { watchStream } from '../../linux/readiness.ts';
import { readAvailable, writeAvailable } from '../../linux/transfer.ts';
import { KataError } from '../../wire/error.ts';
import type { Logger } from '../log/logger.ts';
import type { InputStream } from './input-stream.ts';
import type { OutputStream } from './output-stream.ts';
import type { StreamSockets } from './passfd.ts';

/**
 * Most that a stream moves in its turn (bytes): the room that the host's end of a connection has. It is also the size that
 * pipes are given. Larger ones move no more a second, and a turn of this size takes milliseconds in an emulated guest.
 */
const CHUNK_BYTES = 256 * 1024;
/**
 * How long streams may move chunk after chunk before the event loop turns (ms). Turning after each costs a quarter of the
 * speed in an emulated guest; a call that waits for so much longer is none the worse.
 */
const TURN_MS = 4;
/** What the kernel's own choice of a pipe holds (pipe(7)), in bytes. */
const DEFAULT_PIPE_BYTES = 64 * 1024;

/** For bytes on their way from one call to the next; none stay in it beyond a turn. */
const scratch = Buffer.allocUnsafeSlow(CHUNK_BYTES);

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

/** Sends all of it; resolves when the kernel has it. */
function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => {
      if (error) reject(KataError.from(error));
      else resolve();
    });
  });
}

/** Sends what there is room for, and keeps the rest until there is. @returns what to wait for, if anything. */
function sendOrKeep(socket: Socket, bytes: Uint8Array): Promise<void> | undefined {
  const count = writeAvailable(descriptorOf(socket), bytes);
  return count === bytes.length ? undefined : send(socket, Buffer.from(bytes.subarray(count)));
}

let turnEndsAt = 0;
let turn: Promise<void> | undefined;

/**
 * The next turn of the event loop, where the streams together have used this one up; undefined where they have not. It is
 * one for all of them: each moves a chunk in it at least, and together they take no longer than that and a turn.
 */
function turnToWaitFor(): Promise<void> | undefined {
  if (performance.now() < turnEndsAt) return undefined;
  turn ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    turn = undefined;
    turnEndsAt = performance.now() + TURN_MS;
  });
  return turn;
}

async function carryOutput(output: OutputStream, socket: Socket, onLost: (error: unknown) => void): Promise<void> {
  const gone = new AbortController();
  const lose = (): void => gone.abort();
  // The host sends nothing here, but only who reads sees it go. Half a close says that it sends nothing, and no more.
  socket.on('end', () => {
    if (!takesMore(socket)) lose();
  });
  socket.on('close', lose);
  output.closed.addEventListener('abort', () => void socket.destroy(), { once: true });
  socket.resume();
  try {
    for (;;) {
      const take = (bytes: Uint8Array) => ({ count: bytes.length, sent: sendOrKeep(socket, bytes) });
      const moved = await output.readThrough(scratch, take, gone.signal);
      if (moved === undefined) break;
      // A program that fills its pipe would fill a larger one: fewer switches between it and us.
      if (moved.count === DEFAULT_PIPE_BYTES) output.grow(CHUNK_BYTES);
      const wait = moved.sent ?? turnToWaitFor();
      if (wait !== undefined) await wait;
    }
    socket.end();
  } catch (error) {
    onLost(error);
    output.close();
  } finally {
    socket.destroySoon();
  }
}

async function carryInput(socket: Socket, input: InputStream, ended: Promise<void>): Promise<void> {
  const over = new AbortController();
  let wake = (): void => {};
  const watch = watchStream(socket, () => wake());
  watch.pause();
  void ended.then(() => {
    over.abort();
    wake();
  });
  try {
    while (!over.signal.aborted) {
      const count = readAvailable(descriptorOf(socket), scratch);
      if (count === 0) break;
      if (count === undefined) {
        await new Promise<void>((resolve) => {
          wake = () => {
            watch.pause();
            resolve();
          };
          watch.resume();
        });
      } else {
        const taken = input.writeAvailable(scratch.subarray(0, count));
        if (taken < count) {
          const rest = Buffer.from(scratch.subarray(taken, count));
          input.grow(CHUNK_BYTES);
          await input.write(rest, over.signal);
        }
        const wait = turnToWaitFor();
        if (wait !== undefined) await wait;
      }
    }
  } catch {
    // The connection is lost, or the process takes no more: either way the input is at its end.
  } finally {
    input.end();
    watch.close();
  }
}
