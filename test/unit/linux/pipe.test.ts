import { closeSync, constants, readSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesReadable, growPipe, O_CLOEXEC, type PipeEnds, pipe2, setPipeSize } from '../../../src/linux/pipe.ts';
import { writeAvailable } from '../../../src/linux/transfer.ts';

let ends: PipeEnds;
beforeEach(() => {
  ends = pipe2(O_CLOEXEC);
});
afterEach(() => {
  closeSync(ends.read);
  closeSync(ends.write);
});

describe('pipe2', () => {
  it('carries bytes from the write end to the read end', () => {
    writeSync(ends.write, Uint8Array.of(1, 2, 255));
    const got = new Uint8Array(8);
    expect(readSync(ends.read, got)).toBe(3);
    expect([...got.subarray(0, 3)]).toEqual([1, 2, 255]);
  });

  it('refuses flags that the kernel does not know', () => {
    expect(() => pipe2(1)).toThrow('pipe2: EINVAL');
  });
});

describe('bytesReadable', () => {
  it('counts what is in the pipe', () => {
    expect(bytesReadable(ends.read)).toBe(0);
    writeSync(ends.write, 'hello');
    expect(bytesReadable(ends.read)).toBe(5);
  });

  it('names the errno of a descriptor that is not open', () => {
    expect(() => bytesReadable(-1)).toThrow('EBADF');
  });
});

describe('setPipeSize', () => {
  it('rounds up to a power of two pages', () => {
    expect(setPipeSize(ends.read, 5_000)).toBe(8_192);
    expect(setPipeSize(ends.write, 262_144)).toBe(262_144);
  });

  it('refuses to shrink below what is in the pipe', () => {
    writeSync(ends.write, new Uint8Array(20_000));
    expect(() => setPipeSize(ends.read, 4_096)).toThrow(expect.objectContaining({ errno: 'EBUSY' }));
  });
});

describe('growPipe', () => {
  /** Bytes that fit. */
  const holds = (): number => {
    const chunk = Buffer.alloc(4096);
    let total = 0;
    for (;;) {
      const count = writeAvailable(ends.write, chunk);
      if (count === 0) return total;
      total += count;
    }
  };

  it('makes a pipe of the usual size larger', () => {
    closeSync(ends.read);
    closeSync(ends.write);
    ends = pipe2(O_CLOEXEC | constants.O_NONBLOCK);
    growPipe(ends.read, 262_144);
    expect(holds()).toBe(262_144);
  });

  it('leaves a size that somebody has set, and what is no pipe', () => {
    closeSync(ends.read);
    closeSync(ends.write);
    ends = pipe2(O_CLOEXEC | constants.O_NONBLOCK);
    setPipeSize(ends.write, 8192);
    growPipe(ends.read, 262_144);
    expect(holds()).toBe(8192);
    growPipe(-1, 262_144);
  });
});
