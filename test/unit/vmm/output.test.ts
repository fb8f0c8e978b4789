import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { O_CLOEXEC, pipe2 } from '../../../src/linux/pipe.ts';
import { openOutput } from '../../../src/vmm/output.ts';

describe('openOutput()', () => {
  it('writes to a file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'kata-vmm-output-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const fd = openSync(join(directory, 'log'), 'w');
    const write = openOutput(fd);
    write('one\n');
    write(Buffer.from('two\n'));
    closeSync(fd);
    expect(readFileSync(join(directory, 'log'), 'utf8')).toBe('one\ntwo\n');
  });

  it('neither waits for a reader that does not read nor grows with what it does not take', async () => {
    const { read, write: end } = pipe2(O_CLOEXEC);
    onTestFinished(() => closeSync(read));
    const write = openOutput(end);
    const chunk = Buffer.alloc(1 << 16, 'x');
    for (let count = 0; count < 200; count += 1) write(chunk);
    closeSync(end);
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(64 << 20);
    expect(readSync(read, Buffer.alloc(10))).toBe(10);
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('survives a reader that has gone, and a descriptor that is closed', async () => {
    const { read, write: end } = pipe2(O_CLOEXEC);
    const write = openOutput(end);
    closeSync(read);
    write('lost');
    await new Promise((resolve) => setImmediate(resolve));
    write('lost too');
    closeSync(end);
    openOutput(end)('nobody');
  });
});
