import { closeSync, fstatSync, readdirSync, readSync, writeSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { closeAgentEnds, closeChildEnds, openStdioPipes, type StdioPipes } from '../../../../src/agent/stream/stdio.ts';
import { setPipeSize } from '../../../../src/linux/pipe.ts';

let pipes: StdioPipes | undefined;
afterEach(() => {
  if (pipes === undefined) return;
  closeAgentEnds(pipes);
  closeChildEnds(pipes);
  pipes = undefined;
});

describe('openStdioPipes', () => {
  it('connects each stream the right way round', () => {
    pipes = openStdioPipes(0, 0);
    const [childIn, childOut, childErr] = pipes.child;
    for (const [from, to] of [
      [pipes.stdin, childIn],
      [childOut, pipes.stdout],
      [childErr, pipes.stderr],
    ] as const) {
      writeSync(from, String(from));
      const into = Buffer.alloc(8);
      expect(into.toString('utf8', 0, readSync(to, into))).toBe(String(from));
    }
  });

  it('makes pipes of the wanted size that the process owns', () => {
    pipes = openStdioPipes(128 * 1024, 1234);
    // Setting it to what it is tells the size, and fails for less than the pipe holds.
    writeSync(pipes.child[1], Buffer.alloc(128 * 1024));
    expect(setPipeSize(pipes.child[1], 128 * 1024)).toBe(128 * 1024);
    for (const fd of pipes.child) expect([fstatSync(fd).isFIFO(), fstatSync(fd).uid]).toEqual([true, 1234]);
  });

  it('leaves nothing open where the size is refused', () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    expect(() => openStdioPipes(2 ** 31 - 1, 0)).toThrow('F_SETPIPE_SZ');
    expect(open()).toBe(before);
  });
});

it('closes each end once', () => {
  const made = openStdioPipes(0, 0);
  closeChildEnds(made);
  closeAgentEnds(made);
  expect(() => closeSync(made.stdin)).toThrow('EBADF');
});
