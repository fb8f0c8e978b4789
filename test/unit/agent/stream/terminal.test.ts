import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeIo, type ProcessIo, terminalIo } from '../../../../src/agent/stream/process-io.ts';
import { openTerminalPeer, unlockTerminal } from '../../../../src/linux/terminal.ts';

const never = new AbortController().signal;

let master: number;
let peer: number;
let io: ProcessIo;
beforeEach(() => {
  master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY);
  unlockTerminal(master);
  peer = openTerminalPeer(master);
  io = terminalIo(master);
});
afterEach(() => {
  closeIo(io);
  closeSync(peer);
});

describe('a terminal', () => {
  it('has one stream for both outputs, which ends at the exit with all that was written', async () => {
    expect(io.stderr).toBe(io.stdout);
    writeSync(peer, 'x'.repeat(3000));
    io.stdin.close();
    io.stdout.processExited();
    let length = 0;
    for (let data = await io.stdout.read(1000, never); data.length > 0; data = await io.stderr.read(1000, never)) {
      length += data.length;
    }
    expect(length).toBe(3000);
    await expect(io.stdout.read(1, never)).rejects.toMatchObject({ message: 'eof' });
  });

  it('ends where it is hung up', async () => {
    const reading = io.stdout.read(10, never);
    closeSync(peer);
    expect(await reading).toHaveLength(0);
    peer = openSync('/dev/null', 'r');
  });

  it('is resized, and after its input was closed is left alone', () => {
    io.terminal?.resize({ rows: 3, columns: 4 });
    io.stdin.close();
    io.terminal?.resize({ rows: 5, columns: 6 });
  });

  it('closes all of its descriptors', () => {
    closeIo(io);
    expect(() => fstatSync(master)).toThrow('EBADF');
  });
});
