import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { type CommandOptions, findProgram, runCommand } from '../../../../src/agent/process/command.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';

/** Only stops a hang (ms). */
const deadlineMs = 20_000;
const reaper = new Reaper(createLogger({ write: () => {} }, 'fatal'));
beforeAll(() => reaper.start());
afterAll(() => reaper.stop());

const shell = (script: string, more: Partial<CommandOptions> = {}) =>
  runCommand(reaper, ['sh', '-c', script], { deadlineMs, ...more });

/** Whether a process is there and no zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('runCommand', () => {
  it('gives status and both outputs', async () => {
    const { status, stdout, stderr, truncated } = await shell('echo out; echo err >&2; exit 3');
    expect(status).toEqual({ kind: 'exited', code: 3 });
    expect([stdout.toString(), stderr.toString(), truncated]).toEqual(['out\n', 'err\n', false]);
  });

  it('passes input through, more than any pipe holds, byte for byte', async () => {
    const input = randomBytes(3_000_000);
    const { stdout } = await runCommand(reaper, ['cat'], { deadlineMs, input });
    expect(stdout.equals(input)).toBe(true);
  });

  it('does not mind a program that leaves its input', async () => {
    const { status } = await runCommand(reaper, ['true'], { deadlineMs, input: randomBytes(3_000_000) });
    expect(status).toEqual({ kind: 'exited', code: 0 });
  });

  it('has no input but the end where none is given', async () => {
    expect((await runCommand(reaper, ['cat'], { deadlineMs })).stdout).toHaveLength(0);
  });

  it('keeps a bounded part of the output and lets the program finish', async () => {
    const { status, stdout, truncated } = await shell('head -c 9000000 /dev/zero');
    expect(status).toEqual({ kind: 'exited', code: 0 });
    expect([stdout.length, truncated]).toEqual([4 * 1024 * 1024, true]);
  });

  it('gives environment and working directory', async () => {
    const { stdout } = await shell('/usr/bin/env; pwd -P', { env: ['A=1'], cwd: '/usr' });
    expect(stdout.toString()).toMatch(/^(PWD=\/usr\n)?A=1\n(PWD=\/usr\n)?\/usr\n$/);
  });

  it('kills what is not done in time, with all that it started', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'command-'));
    try {
      const script = `sleep 300 & echo $! > pid; wait`;
      const attempt = shell(script, { cwd: directory, deadlineMs: 500 });
      await expect(attempt).rejects.toMatchObject({ code: 'ERR_DEADLINE', message: expect.stringContaining('"sh"') });
      const grandchild = Number(readFileSync(join(directory, 'pid'), 'utf8'));
      // Waits for the kill to take effect; it hangs, and so fails, where the grandchild was spared.
      while (isRunning(grandchild)) await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('does not wait for a program left behind that holds the output', async () => {
    const { stdout } = await shell('sleep 300 & echo $!');
    const left = Number(stdout.toString());
    expect(isRunning(left)).toBe(true);
    process.kill(left, 'SIGKILL');
  });

  it('rejects where the program is missing', async () => {
    await expect(runCommand(reaper, ['/no/such'], { deadlineMs })).rejects.toMatchObject({ errno: 'ENOENT' });
    await expect(runCommand(reaper, ['no-such-program'], { deadlineMs })).rejects.toThrow('no-such-program: not found');
  });

  it('leaves no descriptor open', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    await shell('true');
    const before = count();
    await shell('echo x', { input: Buffer.from('y') });
    await runCommand(reaper, ['/no/such'], { deadlineMs, input: Buffer.from('y') }).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(count()).toBe(before);
  });
});

describe('findProgram', () => {
  it('searches the path in order, and takes a name with a slash as it is', () => {
    expect(findProgram('sh', '/no/such:/etc/passwd:/bin')).toBe('/bin/sh');
    expect(findProgram('./sh', '/bin')).toBe('./sh');
  });
});
