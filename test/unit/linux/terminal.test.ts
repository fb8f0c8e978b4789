import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  openTerminalPeer,
  setTerminalSize,
  terminalInputMode,
  terminalNumber,
  unlockTerminal,
} from '../../../src/linux/terminal.ts';

let master: number;
let peer: number;
beforeEach(() => {
  master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  unlockTerminal(master);
  peer = openTerminalPeer(master);
});
afterEach(() => {
  closeSync(master);
  closeSync(peer);
});

function stty(...args: string[]): string {
  const { stdout, stderr, status } = spawnSync('stty', args, { stdio: [peer, 'pipe', 'pipe'], encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

describe('openTerminalPeer', () => {
  it('opens the other side, which the number names', () => {
    expect(fstatSync(peer).rdev).toBe(statSync(`/dev/pts/${terminalNumber(master)}`).rdev);
    stty('raw', '-echo');
    const bytes = Buffer.alloc(10);
    writeSync(master, 'in');
    expect(bytes.toString('utf8', 0, readSync(peer, bytes))).toBe('in');
    writeSync(peer, 'out');
    expect(bytes.toString('utf8', 0, readSync(master, bytes))).toBe('out');
  });

  it('fails while the terminal is locked', () => {
    const locked = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
    try {
      expect(() => openTerminalPeer(locked)).toThrow('EIO');
      unlockTerminal(locked);
      closeSync(openTerminalPeer(locked));
    } finally {
      closeSync(locked);
    }
  });
});

describe('setTerminalSize', () => {
  it.each([
    [24, 80],
    [0, 0],
    [65_535, 1],
  ])('sets %i rows and %i columns', (rows, columns) => {
    setTerminalSize(master, { rows, columns });
    expect(stty('size')).toBe(`${rows} ${columns}\n`);
    setTerminalSize(peer, { rows: 5, columns: 6 });
    expect(stty('size')).toBe('5 6\n');
  });

  it('refuses what the kernel cannot hold', () => {
    expect(() => setTerminalSize(master, { rows: 65_536, columns: 1 })).toThrow(RangeError);
  });
});

describe('terminalInputMode', () => {
  it.each([
    [[], { canonical: true, endOfFile: 4 }],
    [['eof', '^X'], { canonical: true, endOfFile: 24 }],
    [['eof', 'undef'], { canonical: true, endOfFile: undefined }],
    [['raw'], { canonical: false, endOfFile: 4 }],
  ])('after stty %j is %j, seen from both sides', (args, mode) => {
    if (args.length > 0) stty(...args);
    expect(terminalInputMode(master)).toEqual(mode);
    expect(terminalInputMode(peer)).toEqual(mode);
  });
});

it('names the call that fails on what is no terminal', () => {
  const fd = openSync('/dev/null', 'r+');
  try {
    expect(() => unlockTerminal(fd)).toThrow('ioctl TIOCSPTLCK');
    expect(() => terminalNumber(fd)).toThrow('ENOTTY');
    expect(() => openTerminalPeer(fd)).toThrow('ENOTTY');
    expect(() => setTerminalSize(fd, { rows: 1, columns: 1 })).toThrow('ENOTTY');
    expect(() => terminalInputMode(fd)).toThrow('ENOTTY');
  } finally {
    closeSync(fd);
  }
});
