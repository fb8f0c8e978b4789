import { closeSync, constants, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputStream } from '../../../../src/agent/stream/input-stream.ts';
import { bytesReadable, O_CLOEXEC, pipe2 } from '../../../../src/linux/pipe.ts';
import { openTerminalPeer, unlockTerminal } from '../../../../src/linux/terminal.ts';
import { hasErrno } from '../../../../src/wire/error.ts';

/** Long enough for a write that would wrongly end to do so (ms). */
const A_WHILE_MS = 30;
const never = new AbortController().signal;
const CLOSED = { message: expect.stringContaining('Cannot get writer'), status: 13 };

let stream: InputStream;
let peer: number | undefined;
afterEach(() => {
  stream.close();
  closePeer();
});
function closePeer(): void {
  if (peer !== undefined) closeSync(peer);
  peer = undefined;
}

/** Reads once. */
function read(): Buffer {
  const bytes = Buffer.alloc(65_536);
  return bytes.subarray(0, readSync(peer ?? -1, bytes));
}
/** Reads until there are `length` bytes, or the end is there. */
async function readTo(length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let count = 0; count < length; ) {
    try {
      const chunk = read();
      if (chunk.length === 0) break;
      count += chunk.length;
      chunks.push(Buffer.from(chunk));
    } catch (error) {
      if (!hasErrno(error, 'EAGAIN')) throw error;
      await sleep(1);
    }
  }
  return Buffer.concat(chunks);
}
async function arrived(count: number): Promise<void> {
  while (bytesReadable(peer ?? -1) < count) await sleep(1);
}
const write = (text: string, signal = never): Promise<void> => stream.write(Buffer.from(text), signal);

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const settled = promise.then(
    () => false,
    () => false,
  );
  return await Promise.race([settled, sleep(A_WHILE_MS, true)]);
}

describe('a pipe', () => {
  beforeEach(() => {
    const ends = pipe2(O_CLOEXEC | constants.O_NONBLOCK);
    peer = ends.read;
    stream = new InputStream(ends.write, 'pipe');
  });

  it('gets the writes in their order, bytes as they are', async () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    await Promise.all([write('first'), stream.write(all, never), write('last')]);
    expect(read()).toEqual(Buffer.concat([Buffer.from('first'), all, Buffer.from('last')]));
  });

  it('blocks the writer while it is full, and passes every byte on', async () => {
    const bytes = Buffer.alloc(1_000_000);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, at);
    const writing = stream.write(bytes, never);
    expect(await isPending(writing)).toBe(true);
    const received = await readTo(bytes.length);
    await writing;
    expect(received.equals(bytes)).toBe(true);
  });

  it('takes at once what there is room for, and nothing past a write that waits', async () => {
    expect(stream.writeAvailable(Buffer.from('abc'))).toBe(3);
    expect(read().toString()).toBe('abc');
    expect(stream.writeAvailable(Buffer.alloc(100_000))).toBe(65_536);
    const waiting = write('waits');
    expect(read().length).toBe(65_536);
    expect(stream.writeAvailable(Buffer.from('overtakes'))).toBe(0);
    await waiting;
    expect(read().toString()).toBe('waits');
    stream.close();
    expect(() => stream.writeAvailable(Buffer.from('late'))).toThrow(expect.objectContaining(CLOSED));
  });

  it('holds more once it was grown', () => {
    stream.grow(262_144);
    expect(stream.writeAvailable(Buffer.alloc(300_000))).toBe(262_144);
  });

  it('gets its end after what was queued before', async () => {
    const big = write('x'.repeat(100_000));
    const queued = write('queued');
    stream.end();
    stream.end();
    expect(stream.ended).toBe(true);
    await expect(write('late')).rejects.toMatchObject(CLOSED);
    const text = (await readTo(Number.POSITIVE_INFINITY)).toString();
    await Promise.all([big, queued]);
    expect(text).toBe(`${'x'.repeat(100_000)}queued`);
  });

  it('lets a write go at once when it is closed, though somebody holds the other end', async () => {
    const writing = write('x'.repeat(100_000));
    const queued = write('queued');
    expect(await isPending(writing)).toBe(true);
    stream.close();
    await expect(writing).rejects.toMatchObject(CLOSED);
    await expect(queued).rejects.toMatchObject(CLOSED);
    await expect(write('late')).rejects.toMatchObject(CLOSED);
    stream.end();
  });

  it('says EPIPE where nobody has the other end', async () => {
    closePeer();
    await expect(write('lost')).rejects.toMatchObject({ status: 13, errno: 'EPIPE' });
  });

  it('fails a write that waits when the other end is closed', async () => {
    const writing = write('x'.repeat(100_000));
    expect(await isPending(writing)).toBe(true);
    closePeer();
    await expect(writing).rejects.toMatchObject({ status: 13, errno: 'EPIPE' });
  });

  it('gives up the turn of a writer who has gone, and no other', async () => {
    const gone = new AbortController();
    const first = write('x'.repeat(100_000), gone.signal);
    const second = write('never', gone.signal);
    const third = write('third');
    gone.abort();
    await expect(second).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    const received = await readTo(100_005);
    await Promise.all([first, third]);
    expect(received.toString('utf8', 100_000)).toBe('third');
  });
});

describe('a terminal', () => {
  beforeEach(() => {
    const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    unlockTerminal(master);
    peer = openTerminalPeer(master);
    stream = new InputStream(master, 'terminal');
  });

  it('gives its program an empty read at its end, and goes on', async () => {
    await write('line\n');
    stream.end();
    stream.end();
    await arrived(5);
    expect([read().toString(), read().toString()]).toEqual(['line\n', '']);
    expect(stream.ended).toBe(false);
    await write('more\n');
    await arrived(5);
    // A second end would have been read first.
    expect(read().toString()).toBe('more\n');
    stream.end();
    await stream.write(Buffer.alloc(0), never);
    expect(read()).toHaveLength(0);
  });

  it('hands over an unfinished line before the end', async () => {
    await write('unfinished');
    stream.end();
    await stream.write(Buffer.alloc(0), never);
    expect([read().toString(), read().toString()]).toEqual(['unfinished', '']);
  });
});
