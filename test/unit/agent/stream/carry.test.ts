import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { carryStreams } from '../../../../src/agent/stream/carry.ts';
import { InputStream } from '../../../../src/agent/stream/input-stream.ts';
import { OutputStream } from '../../../../src/agent/stream/output-stream.ts';
import { terminalIo } from '../../../../src/agent/stream/process-io.ts';
import { adoptSocket } from '../../../../src/linux/handle.ts';
import { bytesReadable, O_CLOEXEC, pipe2 } from '../../../../src/linux/pipe.ts';
import { openTerminalPeer, unlockTerminal } from '../../../../src/linux/terminal.ts';
import { readAvailable } from '../../../../src/linux/transfer.ts';
import { type SocketPair, socketPair } from './socket-pair.ts';

const logger = createLogger({ write: () => {} }, 'fatal');
/** Long enough for what must not happen to happen (ms). */
const A_WHILE_MS = 30;
const MIB = 1 << 20;

let stdin: InputStream;
let stdout: OutputStream;
let stderr: OutputStream;
/** The process's own ends. */
let ends: { in: number; out: number | undefined; err: number | undefined };
let exit: PromiseWithResolvers<void>;
let pairs: { stdin: SocketPair; stdout: SocketPair; stderr: SocketPair };

beforeEach(async () => {
  const [input, output, error] = [pipe2(O_CLOEXEC), pipe2(O_CLOEXEC), pipe2(O_CLOEXEC)];
  stdin = new InputStream(input.write, 'pipe');
  stdout = new OutputStream(output.read);
  stderr = new OutputStream(error.read);
  ends = { in: input.read, out: output.write, err: error.write };
  exit = Promise.withResolvers<void>();
  pairs = { stdin: await socketPair(), stdout: await socketPair(), stderr: await socketPair() };
  // As the listener does for what it gives out.
  for (const { agent } of Object.values(pairs)) agent.on('error', () => {});
});
afterEach(() => {
  exit.resolve();
  stdin.close();
  for (const output of [stdout, stderr]) output.close();
  closeSync(ends.in);
  closeOutput('out');
  closeOutput('err');
  for (const { agent, host } of Object.values(pairs)) {
    agent.destroy();
    host.destroy();
  }
});

function closeOutput(name: 'out' | 'err'): void {
  const fd = ends[name];
  if (fd !== undefined) closeSync(fd);
  ends[name] = undefined;
}

/** Joins everything, and tells when the outputs are done. */
function carry() {
  const sockets = { stdin: pairs.stdin.agent, stdout: pairs.stdout.agent, stderr: pairs.stderr.agent };
  const state = { done: false };
  const process = { stdin, stdout, stderr, ended: () => exit.promise };
  const { outputsDone } = carryStreams(process, sockets, logger);
  const done = outputsDone.then(() => {
    state.done = true;
  });
  return { state, done };
}

async function readToEnd(socket: Socket): Promise<string> {
  return Buffer.concat(await socket.toArray()).toString();
}

/** Reads the process's input to its end. */
async function readInput(): Promise<Buffer> {
  const reader = adoptSocket(openSync(`/proc/self/fd/${ends.in}`, constants.O_RDONLY), { writable: false });
  return Buffer.concat(await reader.toArray());
}

/** Writes all of `bytes` as a program with its own pipe would. */
async function print(name: 'out' | 'err', bytes: Uint8Array): Promise<void> {
  const fd = openSync(`/proc/self/fd/${ends[name]}`, constants.O_WRONLY);
  const writer = adoptSocket(fd, { readable: false });
  writer.end(bytes);
  await once(writer, 'close');
}

describe('carryStreams(): output', () => {
  it('carries both, ends each by itself, and is done when both have ended', async () => {
    const { state, done } = carry();
    writeSync(ends.out ?? -1, 'out');
    writeSync(ends.err ?? -1, 'err');
    closeOutput('out');
    expect(await readToEnd(pairs.stdout.host)).toBe('out');
    await turn();
    expect(state.done).toBe(false);
    closeOutput('err');
    expect(await readToEnd(pairs.stderr.host)).toBe('err');
    await done;
  });

  it('ends with the process though somebody holds its pipes, with every byte', async () => {
    const { done } = carry();
    writeSync(ends.out ?? -1, 'last words');
    stdout.processExited();
    stderr.processExited();
    expect(await readToEnd(pairs.stdout.host)).toBe('last words');
    await done;
  });

  it('carries megabytes unchanged', async () => {
    const { done } = carry();
    const bytes = Buffer.alloc(5 * MIB + 13);
    for (let at = 0; at + 4 < bytes.length; at += 4) bytes.writeUInt32LE(at, at);
    const printing = print('out', bytes);
    closeOutput('out');
    closeOutput('err');
    const got = Buffer.concat(await pairs.stdout.host.toArray());
    await printing;
    await done;
    expect(got.equals(bytes)).toBe(true);
  });

  it('blocks the program where the host does not read, and loses nothing', async () => {
    const { state, done } = carry();
    const bytes = Buffer.alloc(4 * MIB, 'x');
    let printed = false;
    const printing = print('out', bytes).then(() => {
      printed = true;
    });
    closeOutput('out');
    closeOutput('err');
    await sleep(A_WHILE_MS);
    expect([printed, state.done]).toEqual([false, false]);
    expect(pairs.stdout.agent.writableLength).toBeLessThanOrEqual(256 * 1024);
    expect(Buffer.concat(await pairs.stdout.host.toArray()).equals(bytes)).toBe(true);
    await printing;
    await done;
  });

  it('goes on where the host says that it sends nothing', async () => {
    const { done } = carry();
    pairs.stdout.host.end();
    await sleep(A_WHILE_MS);
    writeSync(ends.out ?? -1, 'still heard');
    closeOutput('out');
    closeOutput('err');
    expect(await readToEnd(pairs.stdout.host)).toBe('still heard');
    await done;
  });

  it('takes the reader from a program whose connection is lost, and leaves its other output', async () => {
    const { done } = carry();
    pairs.stdout.host.destroy();
    const broken = async (): Promise<never> => {
      for (;;) {
        writeSync(ends.out ?? -1, 'anybody?');
        await sleep(1);
      }
    };
    await expect(broken()).rejects.toMatchObject({ code: 'EPIPE' });
    writeSync(ends.err ?? -1, 'here');
    closeOutput('err');
    expect(await readToEnd(pairs.stderr.host)).toBe('here');
    await done;
  });

  it('ends when the stream is closed, though the host does not read', async () => {
    const { done } = carry();
    const printing = print('out', Buffer.alloc(4 * MIB)).catch(() => {});
    await sleep(A_WHILE_MS);
    stdout.close();
    stderr.close();
    await done;
    closeOutput('out');
    await printing;
  });

  it('leaves an output without a connection to those who call', async () => {
    const process = { stdin, stdout, stderr, ended: () => exit.promise };
    await carryStreams(process, { stdin: undefined, stdout: undefined, stderr: undefined }, logger).outputsDone;
    writeSync(ends.out ?? -1, 'by call');
    expect(String(await stdout.read(100, new AbortController().signal))).toBe('by call');
  });
});

describe('carryStreams(): input', () => {
  it('carries it to its end', async () => {
    carry();
    const bytes = Buffer.alloc(3 * MIB + 1, 'input ');
    pairs.stdin.host.end(bytes);
    expect((await readInput()).equals(bytes)).toBe(true);
    expect(stdin.ended).toBe(true);
  });

  it('takes no more than the pipe holds while the program does not read', async () => {
    carry();
    const { host } = pairs.stdin;
    let taken = 0;
    const block = Buffer.alloc(64 * 1024);
    for (let count = 0; count < 64; count += 1) {
      host.write(block, () => {
        taken += block.length;
      });
    }
    await sleep(A_WHILE_MS);
    const before = taken;
    await sleep(A_WHILE_MS);
    expect(taken).toBe(before);
    expect(taken).toBeLessThan(2 * MIB);
    expect(bytesReadable(ends.in)).toBeGreaterThan(0);
    host.end();
    expect((await readInput()).length).toBe(64 * block.length);
  });

  it('takes a lost connection for the end', async () => {
    carry();
    pairs.stdin.host.write('half a l');
    await sleep(A_WHILE_MS);
    pairs.stdin.host.destroy();
    expect((await readInput()).toString()).toBe('half a l');
  });

  it('is over with the process', async () => {
    carry();
    exit.resolve();
    const { agent } = pairs.stdin;
    if (!agent.closed) await once(agent, 'close');
    expect(agent.destroyed).toBe(true);
  });

  it('is over where the program takes no more', async () => {
    carry();
    stdin.close();
    pairs.stdin.host.write('for nobody');
    const { agent } = pairs.stdin;
    if (!agent.closed) await once(agent, 'close');
    expect(agent.destroyed).toBe(true);
  });
});

describe('carryStreams(): a terminal', () => {
  /** A terminal with its program's side open, carried by two of the connections. */
  function terminal() {
    const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
    unlockTerminal(master);
    const blocking = openTerminalPeer(master);
    const peer = openSync(`/proc/self/fd/${blocking}`, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    closeSync(blocking);
    const io = terminalIo(master);
    const sockets = { stdin: pairs.stdin.agent, stdout: pairs.stdout.agent, stderr: pairs.stderr.agent };
    const { outputsDone } = carryStreams({ ...io, ended: () => exit.promise }, sockets, logger);
    return { peer, outputsDone };
  }

  /** Reads once, as soon as there is something: text, or none at the end. */
  async function readTerminal(peer: number): Promise<string> {
    const buffer = Buffer.alloc(100);
    for (;;) {
      const count = readAvailable(peer, buffer);
      if (count !== undefined) return buffer.toString('latin1', 0, count);
      await sleep(1);
    }
  }

  it('has one output, and its input ends by a key', async () => {
    const { peer, outputsDone } = terminal();
    pairs.stdin.host.end('line\n');
    expect(await readTerminal(peer)).toBe('line\n');
    // The end of file, as a program sees it that reads a line.
    expect(await readTerminal(peer)).toBe('');
    writeSync(peer, 'answer');
    closeSync(peer);
    // The line comes first, by the terminal's echo, and the key leaves no sign.
    expect(await readToEnd(pairs.stdout.host)).toBe('line\r\nanswer');
    await outputsDone;
    expect(pairs.stderr.agent.destroyed).toBe(true);
  });

  it('is hung up where its connection is lost', async () => {
    const { peer, outputsDone } = terminal();
    pairs.stdout.host.destroy();
    await outputsDone;
    // What a program finds at a terminal that is hung up (tty_ioctl(4), TIOCVHANGUP): the end.
    expect(await readTerminal(peer)).toBe('');
    closeSync(peer);
  });
});
