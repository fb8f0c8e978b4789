import { Buffer } from 'node:buffer';
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FdSink } from '../../../../src/agent/log/fd-sink.ts';
import { bytesReadable, O_CLOEXEC, type PipeEnds, pipe2, setPipeSize } from '../../../../src/linux/pipe.ts';

const PIPE_BYTES = 4096;
const notice = (dropped: number): string => `dropped ${dropped}\n`;

describe('FdSink on a pipe', () => {
  let ends: PipeEnds;
  let sink: FdSink;
  beforeEach(() => {
    ends = pipe2(O_CLOEXEC);
    setPipeSize(ends.write, PIPE_BYTES);
    sink = new FdSink(ends.write, notice);
  });
  afterEach(() => {
    sink.close();
    closeSync(ends.read);
    closeSync(ends.write);
  });

  function readAvailable(): string {
    const bytes = Buffer.alloc(bytesReadable(ends.read));
    if (bytes.length > 0) readSync(ends.read, bytes);
    return bytes.toString();
  }

  it('writes at once where there is room', () => {
    sink.write('line\n');
    expect(readAvailable()).toBe('line\n');
  });

  it('leaves the mode of the descriptor that it was given alone', () => {
    const flags = /flags:\t(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${ends.write}`, 'utf8'))?.[1];
    expect(Number.parseInt(flags ?? '', 8) & 0o4000).toBe(0);
  });

  it('returns while nobody reads, and delivers everything once somebody does', async () => {
    const lines = Array.from({ length: 300 }, (_, index) => `line ${index} ${'x'.repeat(40)}\n`);
    for (const line of lines) sink.write(line);
    let got = '';
    while (got.length < lines.join('').length) {
      got += readAvailable();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(got).toBe(lines.join(''));
  });

  it('drops what is beyond its queue and says how many', async () => {
    const line = `${'y'.repeat(1023)}\n`;
    for (let count = 0; count < 1000; count += 1) sink.write(line);
    let got = '';
    while (bytesReadable(ends.read) > 0) {
      got += readAvailable();
      sink.flushSync(0);
    }
    const kept = got.split('\n').length - 1;
    sink.write('after\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(readAvailable()).toBe(`dropped ${1000 - kept}\nafter\n`);
    expect(kept).toBeGreaterThan(200);
  });

  it('flushSync gives up at its deadline', () => {
    sink.write('z'.repeat(3 * PIPE_BYTES));
    sink.flushSync(20);
    expect(readAvailable()).toHaveLength(PIPE_BYTES);
  });

  it('survives a reader that is gone', () => {
    closeSync(ends.read);
    expect(() => {
      sink.write('a\n');
      sink.write('b\n');
      sink.flushSync(20);
    }).not.toThrow();
    ends = { ...ends, read: openSync('/dev/null', 'r') };
  });
});

describe('FdSink on a file', () => {
  it('appends, even where the descriptor stands elsewhere', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sink-'));
    try {
      const path = join(directory, 'log');
      writeFileSync(path, 'old\n');
      const fd = openSync(path, 'r+');
      const sink = new FdSink(fd, notice);
      sink.write('new\n');
      sink.close();
      expect(fstatSync(fd).size).toBe(8);
      closeSync(fd);
      expect(readFileSync(path, 'utf8')).toBe('old\nnew\n');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
