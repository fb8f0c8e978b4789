/** Runs a helper program to its end. */
import { Buffer } from 'node:buffer';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import type { Socket } from 'node:net';
import { type Bytes, printable } from '../../linux/cstring.ts';
import { adoptSocket } from '../../linux/handle.ts';
import { O_CLOEXEC, pipe2 } from '../../linux/pipe.ts';
import type { ExitStatus } from '../../linux/wait.ts';
import { hasErrno, KataError } from '../../wire/error.ts';
import type { Child, Reaper } from './reaper.ts';
import { sendSignal } from './send-signal.ts';
import { fulfilledWithin } from './within.ts';

/** What is kept of each output stream; the largest to expect is an iptables dump, which must fit a message (bytes). */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/**
 * A program that has ended may have left one behind that holds its output open. All that the program itself wrote is
 * in the pipe by then; this is the time that we take to read it (ms).
 */
const DRAIN_MS = 1_000;

/** How a command is run. */
export interface CommandOptions {
  /** The whole environment, `NAME=value` each; the agent's PATH alone where absent. */
  readonly env?: readonly Bytes[];
  readonly cwd?: Bytes;
  /** Goes to the program's standard input, which is /dev/null where absent. */
  readonly input?: Uint8Array;
  /** The program and its process group are killed after this time (ms). */
  readonly deadlineMs: number;
}

/** How a command ended. */
export interface CommandResult {
  readonly status: ExitStatus;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** True where a stream had more than MAX_OUTPUT_BYTES; the rest was read and dropped. */
  readonly truncated: boolean;
}

/** Where a shell would find `name`: itself where it has a slash, else in the directories of `path`. */
export function findProgram(name: string, path: string): string {
  if (name.includes('/')) return name;
  for (const directory of path.split(':')) {
    const file = `${directory}/${name}`;
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error;
    }
  }
  throw new KataError('ERR_SYSCALL', `${name}: not found in ${path}`, { errno: 'ENOENT' });
}

/** Collects a stream up to the limit; `ended` settles at its end, however it comes. */
class Collector {
  readonly ended: Promise<void>;
  truncated = false;
  readonly #chunks: Buffer[] = [];
  #length = 0;

  constructor(stream: Socket) {
    this.ended = new Promise((resolve) => {
      stream.on('close', () => resolve());
    });
    // A read error ends the stream; what came before it still counts.
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      const room = MAX_OUTPUT_BYTES - this.#length;
      if (chunk.length > room) this.truncated = true;
      const kept = chunk.subarray(0, room);
      this.#chunks.push(kept);
      this.#length += kept.length;
    });
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}

interface Pipes {
  /** The child's 0, 1 and 2, to be closed here once it has them. */
  readonly child: readonly [number, number, number];
  readonly stdin: number | undefined;
  readonly stdout: number;
  readonly stderr: number;
}

function openPipes(withInput: boolean): Pipes {
  const opened: number[] = [];
  const pipe = (): { read: number; write: number } => {
    const ends = pipe2(O_CLOEXEC);
    opened.push(ends.read, ends.write);
    return ends;
  };
  try {
    const out = pipe();
    const err = pipe();
    if (!withInput) {
      const nothing = openSync('/dev/null', 'r');
      return { child: [nothing, out.write, err.write], stdin: undefined, stdout: out.read, stderr: err.read };
    }
    const input = pipe();
    return { child: [input.read, out.write, err.write], stdin: input.write, stdout: out.read, stderr: err.read };
  } catch (error) {
    for (const fd of opened) closeSync(fd);
    throw error;
  }
}

function closeOurEnds(pipes: Pipes): void {
  closeSync(pipes.stdout);
  closeSync(pipes.stderr);
  if (pipes.stdin !== undefined) closeSync(pipes.stdin);
}

function start(reaper: Reaper, argv: readonly Bytes[], options: CommandOptions, pipes: Pipes): Child {
  const [program] = argv;
  if (program === undefined) throw new KataError('ERR_INTERNAL', 'a command without a program');
  const path = process.env['PATH'] ?? '';
  try {
    return reaper.spawn({
      path: typeof program === 'string' ? findProgram(program, path) : program,
      argv,
      env: options.env ?? [`PATH=${path}`],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: pipes.child,
      // Its own process group, so that the deadline reaches what it started as well.
      setsid: true,
    });
  } catch (error) {
    closeOurEnds(pipes);
    throw error;
  } finally {
    for (const fd of pipes.child) closeSync(fd);
  }
}

/** Kills a program that leads its process group, and all in the group; one that has ended does not matter. */
export function killGroup(pid: number): void {
  sendSignal(-pid, 'SIGKILL');
}

/**
 * Runs a program and collects its output.
 * @param argv the program, looked up in the agent's PATH where it has no slash, and its arguments.
 * @returns its status, whatever that is: a non-zero exit is no error here.
 * @throws KataError ERR_SYSCALL where it cannot be started (ENOENT, ...); ERR_DEADLINE after it was killed. A program
 *   that hangs in the kernel is killed but not waited for.
 */
export async function runCommand(
  reaper: Reaper,
  argv: readonly Bytes[],
  options: CommandOptions,
): Promise<CommandResult> {
  const pipes = openPipes(options.input !== undefined);
  const child = start(reaper, argv, options, pipes);
  const stdout = adoptSocket(pipes.stdout, { writable: false });
  const stderr = adoptSocket(pipes.stderr, { writable: false });
  const streams = [stdout, stderr];
  const out = new Collector(stdout);
  const err = new Collector(stderr);
  if (pipes.stdin !== undefined && options.input !== undefined) {
    const stdin = adoptSocket(pipes.stdin, { readable: false });
    streams.push(stdin);
    // EPIPE: the program does not want the rest.
    stdin.on('error', () => {});
    stdin.end(options.input);
  }
  try {
    if (!(await fulfilledWithin(child.ended, options.deadlineMs))) {
      killGroup(child.pid);
      const name = printable(argv[0] ?? '');
      throw new KataError('ERR_DEADLINE', `${name} did not end within ${options.deadlineMs} ms and was killed`);
    }
    await fulfilledWithin(Promise.all([out.ended, err.ended]), DRAIN_MS);
    return {
      status: await child.ended,
      stdout: out.bytes(),
      stderr: err.bytes(),
      truncated: out.truncated || err.truncated,
    };
  } finally {
    for (const stream of streams) stream.destroy();
  }
}
