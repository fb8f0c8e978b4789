import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConsoleLog } from '../../../src/host/console-log.ts';

describe('ConsoleLog', () => {
  let directory = '';
  let path = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'console-log-'));
    path = join(directory, 'console.log');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('writes the bytes as they are and gives whole lines, however they are cut', () => {
    const text = Buffer.from('one\r\nzwei mit ä\nthree');
    const lines: string[] = [];
    const log = new ConsoleLog(path, (line) => lines.push(line));
    for (const byte of text) log.write(Uint8Array.of(byte));
    log.close();
    expect(lines).toEqual(['one', 'zwei mit ä']);
    expect(log.tail(2)).toEqual(['zwei mit ä', 'three']);
    expect(readFileSync(path)).toEqual(text);
  });

  it('keeps control characters of the guest off the terminal', () => {
    const log = new ConsoleLog(path);
    log.write(Buffer.from('\x1b[31mred\x1b[0m \x07bell\x1b]0;title\x07\n'));
    log.close();
    expect(log.lines()).toEqual(['red bell]0;title']);
  });

  it('does not grow without bounds', () => {
    const log = new ConsoleLog(path);
    const chunk = Buffer.alloc(1 << 20, 'x');
    for (let mebibyte = 0; mebibyte < 10; mebibyte++) log.write(chunk);
    for (let line = 0; line < 1000; line++) log.write(Buffer.from(`line ${line}\n`));
    log.close();
    expect(statSync(path).size).toBe(8 << 20);
    expect(log.lines().length).toBe(200);
    expect(log.tail(1)).toEqual(['line 999']);
    expect(Math.max(...log.lines().map((line) => line.length))).toBeLessThanOrEqual(4096);
  });

  it('keeps the tail going after it was closed', () => {
    const log = new ConsoleLog(path);
    log.close();
    log.write(Buffer.from('last words\n'));
    expect(log.tail(1)).toEqual(['last words']);
    expect(statSync(path).size).toBe(0);
  });
});
