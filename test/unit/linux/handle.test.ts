import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adoptSocket, listenOn } from '../../../src/linux/handle.ts';
import { O_CLOEXEC, pipe2 } from '../../../src/linux/pipe.ts';
import { unixListen } from '../../../src/linux/unix-listen.ts';

async function readAll(stream: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('adoptSocket', () => {
  it('streams through a pipe with back-pressure, and closes what it owns', async () => {
    const { read, write } = pipe2(O_CLOEXEC);
    const reader = adoptSocket(read, { writable: false });
    const writer = adoptSocket(write, { readable: false });
    const sent = randomBytes(1 << 20);
    expect(writer.write(sent)).toBe(false);
    writer.end();
    expect((await readAll(reader)).equals(sent)).toBe(true);
    if (!writer.destroyed) await once(writer, 'close');
    expect(() => fstatSync(read)).toThrow('EBADF');
    expect(() => fstatSync(write)).toThrow('EBADF');
  });

  it('refuses a descriptor that is not open', () => {
    const fd = openSync('/dev/null', 'r');
    closeSync(fd);
    expect(() => adoptSocket(fd)).toThrow('EBADF');
  });
});

describe('listenOn', () => {
  it('accepts on a bound descriptor until it is closed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'listen-'));
    try {
      const path = join(directory, 's');
      const listener = listenOn(unixListen(path, 1), 8, (socket) => {
        socket.end('hello');
      });
      expect((await readAll(connect(path))).toString()).toBe('hello');
      expect((await readAll(connect(path))).toString()).toBe('hello');
      listener.close();
      const late = connect(path);
      const [error] = await once(late, 'error');
      expect(error).toMatchObject({ code: 'ECONNREFUSED' });
      expect(existsSync(path)).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('closes a descriptor on which nobody can listen', () => {
    const { read, write } = pipe2(O_CLOEXEC);
    expect(() => listenOn(read, 1, () => {})).toThrow(/listen: E/);
    closeSync(write);
  });
});
