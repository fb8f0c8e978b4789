import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeFrame, type Frame, FrameParser } from '../../../../src/host/keeper/attach-frame.ts';
import { type AttachInput, Attachment, BACKLOG_BYTES } from '../../../../src/host/keeper/attachment.ts';

/** Short, for a test; nothing here depends on how fast anything else is. */
const STALL_MS = 200;
const CHUNK = Buffer.alloc(64 << 10, 'x');

let directory = '';
let server: Server;
let mine: Socket;
let theirs: Socket;
let frames: Frame[] = [];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'attachment-'));
  server = createServer({ allowHalfOpen: true }).listen(join(directory, 'socket'));
  await once(server, 'listening');
  theirs = createConnection(join(directory, 'socket'));
  [mine] = await once(server, 'connection');
  frames = [];
});
afterEach(() => {
  mine.destroy();
  theirs.destroy();
  server.close();
  rmSync(directory, { recursive: true });
});

function read(): Promise<unknown> {
  const parser = new FrameParser();
  theirs.on('data', (chunk: Buffer) => frames.push(...parser.feed(chunk)));
  return once(theirs, 'end');
}

describe('an attachment', () => {
  it('gets output, then the exit status and the end', async () => {
    const ended = read();
    const attachment = new Attachment(mine, undefined, () => {});
    await attachment.send('stdout', Buffer.from('out'));
    await attachment.send('stderr', Buffer.from('err'));
    attachment.exit(7);
    await attachment.send('stdout', Buffer.from('late'));
    await ended;
    expect(frames.map(({ kind, bytes }) => `${kind} ${bytes}`)).toEqual(['stdout out', 'stderr err', 'exit 7']);
  });

  it('gives its input on, one piece after the other', async () => {
    const given: string[] = [];
    const go = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const input: AttachInput = {
      write: async (bytes) => {
        given.push(bytes.toString());
        await go.promise;
      },
      end: () => ended.resolve(),
    };
    new Attachment(mine, input, () => {});
    theirs.write(encodeFrame('input', Buffer.from('one')));
    theirs.write(encodeFrame('input', Buffer.from('two')));
    theirs.write(encodeFrame('input end'));
    await expect.poll(() => given).toEqual(['one']);
    go.resolve();
    await ended.promise;
    expect(given).toEqual(['one', 'two']);
  });

  it('that goes away is closed, and does not end the input', async () => {
    const closed = Promise.withResolvers<void>();
    let ended = false;
    const input = {
      write: () => Promise.resolve(),
      end: () => {
        ended = true;
      },
    };
    const attachment = new Attachment(mine, input, () => closed.resolve());
    theirs.destroy();
    await closed.promise;
    await attachment.send('stdout', CHUNK);
    expect(ended).toBe(false);
  });

  it('that speaks another language is closed', async () => {
    const closed = Promise.withResolvers<void>();
    new Attachment(mine, undefined, () => closed.resolve());
    theirs.write('GET / HTTP/1.1\r\n');
    await closed.promise;
  });

  it('that takes nothing holds the program up for a limited time, and is told why it was dropped', async () => {
    const attachment = new Attachment(mine, undefined, () => {}, STALL_MS);
    let sent = 0;
    let longest = 0;
    for (; sent < BACKLOG_BYTES * 4; sent += CHUNK.length) {
      const before = performance.now();
      await attachment.send('stdout', CHUNK);
      longest = Math.max(longest, performance.now() - before);
    }
    expect(longest).toBeGreaterThan(STALL_MS * 0.9);
    const ended = read();
    await ended;
    const last = frames.at(-1);
    expect([last?.kind, last?.bytes.toString()]).toEqual([
      'notice',
      'dropped: 1 MiB of output waited and nothing was taken for 0.2 s',
    ]);
    const received = frames.reduce((sum, { kind, bytes }) => (kind === 'stdout' ? sum + bytes.length : sum), 0);
    expect(received).toBeGreaterThan(BACKLOG_BYTES);
    expect(received).toBeLessThan(sent);
  });

  it('that is slow gets everything', async () => {
    const attachment = new Attachment(mine, undefined, () => {});
    const parser = new FrameParser();
    const slowly = (async () => {
      for await (const chunk of theirs) {
        frames.push(...parser.feed(chunk));
        await delay(1);
      }
    })();
    for (let sent = 0; sent < BACKLOG_BYTES * 4; sent += CHUNK.length) {
      await Promise.all([attachment.send('stdout', CHUNK), attachment.send('stderr', Buffer.of(1))]);
    }
    attachment.exit(0);
    await slowly;
    const received = frames.reduce((sum, { kind, bytes }) => (kind === 'stdout' ? sum + bytes.length : sum), 0);
    expect(received).toBe(BACKLOG_BYTES * 4);
    expect(frames.at(-1)?.kind).toBe('exit');
  });
});
