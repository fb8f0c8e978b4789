import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { Pty } from './pty.ts';

const PROGRAM = fileURLToPath(new URL('at-terminal.ts', import.meta.url));
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];

let pty: Pty;
afterEach(() => pty.close());

async function start(end: string): Promise<string> {
  pty = new Pty([...NODE, end], { rows: 24, columns: 80 });
  const before = mode();
  await expect.poll(() => pty.output, { timeout: 20_000 }).toContain('ready');
  expect(mode()).not.toBe(before);
  return before;
}

function mode(): string {
  return spawnSync('stty', ['-g'], { stdio: [pty.peer, 'pipe', 'inherit'], encoding: 'utf8' }).stdout;
}

describe('the local terminal', () => {
  it.each([
    ['return', 0],
    ['exit', 3],
    ['exception', 1],
    ['rejection', 1],
  ])('is as it was after the end by %s', async (end, code) => {
    const before = await start(end);
    pty.type('.');
    expect(await pty.ended).toEqual({ code, signal: null });
    expect(mode()).toBe(before);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const)('is as it was after %s', async (signal, code) => {
    const before = await start('wait');
    // setsid waits for the program, which is its only child.
    const setsid = pty.child.pid;
    const child = readFileSync(`/proc/${setsid}/task/${setsid}/children`, 'utf8').trim();
    const pid = child === '' ? setsid : child;
    process.kill(Number(pid), signal);
    expect((await pty.ended).code).toBe(code);
    expect(mode()).toBe(before);
  });

  it('gives every key on as it is', async () => {
    await start('exit');
    pty.type('\x03\x1a\x04\r');
    await expect.poll(() => pty.output).toContain('keys 031a040d');
  });

  it('tells of a new size, and of one that differs from the start', async () => {
    pty = new Pty([...NODE, 'exit'], { rows: 30, columns: 90 });
    await expect.poll(() => pty.output, { timeout: 20_000 }).toContain('size 30 90');
    pty.resize({ rows: 31, columns: 91 });
    await expect.poll(() => pty.output).toContain('size 31 91');
  });
});
