import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeRaw, terminalSize } from '../../../src/linux/raw-terminal.ts';
import { setTerminalSize } from '../../../src/linux/terminal.ts';
import { openPty, type PtyPair } from './pty-pair.ts';

let pty: PtyPair;
beforeEach(() => {
  pty = openPty();
});
afterEach(() => pty.close());

function stty(...args: string[]): string {
  return spawnSync('stty', args, { stdio: [pty.peer, 'pipe', 'inherit'], encoding: 'utf8' }).stdout;
}

describe('makeRaw', () => {
  it('does what stty raw does, and brings the former mode back', () => {
    stty('-icrnl', 'intr', '^X');
    const before = stty('-g');
    const restore = makeRaw(pty.peer);
    const raw = stty('-g');
    const words = stty('-a').split(/[\s;]+/);
    expect(words).toEqual(expect.arrayContaining(['-isig', '-icanon', '-echo', '-opost', '-ixon', '-icrnl', 'cs8']));
    restore();
    expect(stty('-g')).toBe(before);
    stty('raw', '-echo', '-iexten');
    // stty leaves IUTF8 and the like as they are, and so do we.
    expect(raw).toBe(stty('-g'));
    restore();
    expect(stty('-g')).toBe(before);
  });

  it('has no mode to give back for what is no terminal', () => {
    const fd = openSync('/dev/null', 'r+');
    try {
      expect(() => makeRaw(fd)).toThrow('ENOTTY');
      expect(() => terminalSize(fd)).toThrow('ENOTTY');
    } finally {
      closeSync(fd);
    }
  });
});

describe('terminalSize', () => {
  it('is what was set', () => {
    setTerminalSize(pty.master, { rows: 33, columns: 99 });
    expect(terminalSize(pty.peer)).toEqual({ rows: 33, columns: 99 });
  });
});
