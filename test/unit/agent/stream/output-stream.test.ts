import { closeSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Look, OutputStream, readOrEnd } from '../../../../src/agent/stream/output-stream.ts';
import { O_CLOEXEC, pipe2 } from '../../../../src/linux/pipe.ts';
import { KataError } from '../../../../src/wire/error.ts';

/** Long enough for a read that would wrongly end to do so (ms). */
const A_WHILE_MS = 30;
const never = new AbortController().signal;

let stream: OutputStream;
let writeEnd: number | undefined;
beforeEach(() => {
  const { read, write } = pipe2(O_CLOEXEC);
  stream = new OutputStream(read);
  writeEnd = write;
});
afterEach(() => {
  stream.close();
  closeWriter();
});

function write(text: string): void {
  writeSync(writeEnd ?? -1, text);
}
function closeWriter(): void {
  if (writeEnd !== undefined) closeSync(writeEnd);
  writeEnd = undefined;
}
const read = async (length = 1000, signal = never): Promise<string> =>
  Buffer.from(await stream.read(length, signal)).toString();
const EOF = { message: 'eof', status: 13 };

describe('OutputStream', () => {
  it('gives what is there, no more than asked for', async () => {
    write('hello');
    expect([await read(2), await read(2), await read(2)]).toEqual(['he', 'll', 'o']);
  });

  it('waits for the first byte', async () => {
    const waiting = read();
    await sleep(A_WHILE_MS);
    write('late');
    expect(await waiting).toBe('late');
  });

  it('serves readers in their order', async () => {
    const both = Promise.all([read(1), read(1)]);
    await sleep(A_WHILE_MS);
    write('ab');
    expect(await both).toEqual(['a', 'b']);
  });

  it('ends with one empty read, and errors after that, when the pipe has no writer any more', async () => {
    write('last');
    closeWriter();
    expect([await read(), await read()]).toEqual(['last', '']);
    await expect(read()).rejects.toMatchObject(EOF);
    await expect(read()).rejects.toMatchObject(EOF);
    expect(stream.isOver).toBe(true);
    await stream.over;
  });

  it('ends when the process has exited and the pipe is drained, though somebody holds it open', async () => {
    write('before the exit');
    stream.processExited();
    expect([await read(6), await read(), await read()]).toEqual(['before', ' the exit', '']);
    await expect(read()).rejects.toMatchObject(EOF);
  });

  it('ends a read that waits when the process exits', async () => {
    const both = [read(), read()];
    await sleep(A_WHILE_MS);
    stream.processExited();
    expect(await both[0]).toBe('');
    await expect(both[1]).rejects.toMatchObject(EOF);
  });

  it('does not end while the process runs and the pipe is empty', async () => {
    let ended = false;
    const waiting = read().then(() => {
      ended = true;
    });
    await sleep(A_WHILE_MS);
    expect(ended).toBe(false);
    closeWriter();
    await waiting;
  });

  it('gives the turn of a reader who has gone to the next one, with every byte', async () => {
    const gone = new AbortController();
    const first = read(1000, gone.signal);
    const queued = read(1000, gone.signal);
    const next = read();
    await sleep(A_WHILE_MS);
    gone.abort();
    await expect(first).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    await expect(queued).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    write('all of it');
    expect(await next).toBe('all of it');
  });

  describe('handed over', () => {
    /** Looks as a reader does that takes four bytes at a time. */
    function looker(texts: string[], wait = false) {
      const buffer = Buffer.alloc(4);
      return (fd: number): Look => {
        const count = readOrEnd(fd, buffer);
        if (count === undefined) return 'nothing';
        if (count === 0) return 'end';
        texts.push(buffer.toString('latin1', 0, count));
        return wait ? 'waiting' : 'moved';
      };
    }

    it('gives everything to one reader, after those who read already', async () => {
      const texts: string[] = [];
      const before = read(2);
      const { ended } = stream.handOver(looker(texts));
      const after = expect(read()).rejects.toMatchObject(EOF);
      await sleep(A_WHILE_MS);
      write('to share');
      expect(await before).toBe('to');
      await sleep(A_WHILE_MS);
      write('!');
      closeWriter();
      await ended;
      expect(texts).toEqual([' sha', 're', '!']);
      await after;
    });

    it('looks again only when the reader says so', async () => {
      const texts: string[] = [];
      const { ended, goOn } = stream.handOver(looker(texts, true));
      write('in parts');
      await sleep(A_WHILE_MS);
      expect(texts).toEqual(['in p']);
      stream.processExited();
      await sleep(A_WHILE_MS);
      expect(texts).toEqual(['in p']);
      goOn();
      await sleep(A_WHILE_MS);
      expect(texts).toEqual(['in p', 'arts']);
      goOn();
      await ended;
    });

    it.each(['before', 'after'])('ends at the exit though somebody holds the pipe, where it came %s', async (when) => {
      const texts: string[] = [];
      if (when === 'before') stream.processExited();
      write('all of it');
      const { ended } = stream.handOver(looker(texts));
      await sleep(A_WHILE_MS);
      if (when === 'after') stream.processExited();
      await ended;
      expect(texts.join('')).toBe('all of it');
      expect(stream.isOver).toBe(true);
    });

    it('fails where it is closed', async () => {
      const { ended } = stream.handOver(() => 'nothing');
      await sleep(A_WHILE_MS);
      stream.close();
      await expect(ended).rejects.toMatchObject(EOF);
    });

    it('fails as its reader does', async () => {
      const { ended } = stream.handOver(() => {
        throw new KataError('ERR_SYSCALL', 'no room');
      });
      await expect(ended).rejects.toThrow('no room');
    });
  });

  it('tells when it is closed before its end', () => {
    expect(stream.closed.aborted).toBe(false);
    stream.close();
    expect(stream.closed.aborted).toBe(true);
  });

  it('takes no byte for a reader who has gone before his turn', async () => {
    write('kept');
    await expect(read(1000, AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    expect(await read()).toBe('kept');
  });

  it('does not tell a reader who has gone of the end', async () => {
    const gone = new AbortController();
    const first = read(1000, gone.signal);
    await sleep(A_WHILE_MS);
    gone.abort();
    closeWriter();
    await expect(first).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    expect(await read()).toBe('');
  });

  it('fails reads that wait when it is closed', async () => {
    const waiting = read();
    await sleep(A_WHILE_MS);
    stream.close();
    await expect(waiting).rejects.toMatchObject(EOF);
  });

  it('passes many bytes through a slow reader without a loss', async () => {
    const chunk = 'x'.repeat(4096);
    let received = 0;
    const reader = (async () => {
      for (let text = await read(1000); text !== ''; text = await read(1000)) received += text.length;
    })();
    for (let index = 0; index < 100; index += 1) {
      write(chunk);
      while (received < (index - 10) * chunk.length) await sleep(1);
    }
    closeWriter();
    await reader;
    expect(received).toBe(100 * chunk.length);
  });
});
