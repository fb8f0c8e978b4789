import { closeSync, constants, writeSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { O_CLOEXEC, type PipeEnds, pipe2 } from '../../../src/linux/pipe.ts';
import { readAvailable, writeAvailable } from '../../../src/linux/transfer.ts';

let ends: PipeEnds;
let open: number[];
beforeEach(() => {
  ends = pipe2(O_CLOEXEC | constants.O_NONBLOCK);
  open = [ends.read, ends.write];
});
afterEach(() => {
  for (const fd of open) closeSync(fd);
});
function close(fd: number): void {
  closeSync(fd);
  open = open.filter((each) => each !== fd);
}

it('reads what is there, nothing where there is nothing yet, and the end', () => {
  const buffer = Buffer.alloc(10);
  expect(readAvailable(ends.read, buffer)).toBeUndefined();
  writeSync(ends.write, 'abc');
  expect(readAvailable(ends.read, buffer)).toBe(3);
  expect(buffer.toString('latin1', 0, 3)).toBe('abc');
  close(ends.write);
  expect(readAvailable(ends.read, buffer)).toBe(0);
});

it('writes what there is room for, and no more', () => {
  expect(writeAvailable(ends.write, Buffer.alloc(100_000))).toBe(65_536);
  expect(writeAvailable(ends.write, Buffer.alloc(1))).toBe(0);
});

it('fails by errno', () => {
  close(ends.read);
  expect(() => writeAvailable(ends.write, Buffer.alloc(1))).toThrow(expect.objectContaining({ errno: 'EPIPE' }));
  expect(() => readAvailable(-1, Buffer.alloc(1))).toThrow(expect.objectContaining({ code: expect.any(String) }));
});
