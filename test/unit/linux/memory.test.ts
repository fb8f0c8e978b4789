import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mapShared } from '../../../src/linux/memory.ts';

describe('mapShared()', () => {
  let directory = '';
  let fd = -1;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'memory-test-'));
    fd = openSync(join(directory, 'file'), 'w+');
    ftruncateSync(fd, 8192);
  });
  afterEach(() => {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  });

  it('sees the file, and the file sees it, from any offset', () => {
    writeSync(fd, 'hello', 5000);
    const mapping = mapShared(fd, 5000, 3000);
    const bytes = Buffer.from(mapping.buffer);
    expect(bytes.length).toBe(3000);
    expect(bytes.toString('latin1', 0, 5)).toBe('hello');
    bytes.write('there');
    const read = Buffer.alloc(5);
    readSync(fd, read, 0, 5, 5000);
    expect(read.toString()).toBe('there');
    mapping.close();
  });

  it('leaves no view of memory that is gone', () => {
    const mapping = mapShared(fd, 0, 8192);
    const bytes = new Uint8Array(mapping.buffer);
    const view = new DataView(mapping.buffer);
    mapping.close();
    mapping.close();
    expect(bytes.length).toBe(0);
    expect(() => view.getUint8(0)).toThrow(TypeError);
  });

  it.each([
    [0, 8193],
    [8192, 1],
    [-1, 10],
    [0, 0],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('refuses %d + %d bytes of a file of 8192', (offset, length) => {
    expect(() => mapShared(fd, offset, length)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  });
});
