import { Buffer } from 'node:buffer';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pipe2 } from '../../../src/linux/pipe.ts';
import { posixSpawn, type SpawnOptions } from '../../../src/linux/spawn.ts';
import { terminalNumber, unlockTerminal } from '../../../src/linux/terminal.ts';
import { type ExitStatus, waitAny } from '../../../src/linux/wait.ts';

let directory: string;
let outFile: string;
let fds: number[];

function open(path: string, flags: string): number {
  const fd = openSync(path, flags);
  fds.push(fd);
  return fd;
}

beforeEach(() => {
  fds = [];
  directory = mkdtempSync(join(tmpdir(), 'spawn-'));
  outFile = join(directory, 'out');
});
afterEach(() => {
  for (const fd of fds) closeSync(fd);
  rmSync(directory, { recursive: true });
});

async function collect(pid: number): Promise<ExitStatus> {
  for (;;) {
    const ended = waitAny();
    if (ended?.pid === pid) return ended.status;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Runs a program with its output in a file; gives what it printed. */
async function run(argv: SpawnOptions['argv'], more: Partial<SpawnOptions> = {}): Promise<Buffer> {
  const out = open(outFile, 'w');
  const stdio = [open('/dev/null', 'r'), out, out] as const;
  const status = await collect(posixSpawn({ path: '/bin/sh', argv, env: ['PATH=/usr/bin:/bin'], stdio, ...more }));
  expect(status).toEqual({ kind: 'exited', code: 0 });
  return readFileSync(outFile);
}

describe('posixSpawn', () => {
  it('runs a program to its end', async () => {
    const pid = posixSpawn({ path: '/bin/true', argv: ['true'], env: [], stdio: [0, 1, 2] });
    expect(await collect(pid)).toEqual({ kind: 'exited', code: 0 });
  });

  it('gives arguments and environment as exact bytes, and no more of them', async () => {
    const strange = Buffer.from([0x41, 0x3d, 0xff, 0x80]);
    const got = await run(['printf', '%s|', Uint8Array.of(0xfe, 0x0a), '', 'é'], { path: '/usr/bin/printf' });
    expect(got).toEqual(Buffer.from([0xfe, 0x0a, 0x7c, 0x7c, 0xc3, 0xa9, 0x7c]));
    const env = await run(['cat', '/proc/self/environ'], { path: '/bin/cat', env: [strange] });
    expect(env).toEqual(Buffer.concat([strange, Buffer.of(0)]));
  });

  it('starts it in the directory that is asked for', async () => {
    expect((await run(['sh', '-c', 'pwd -P'], { cwd: '/usr' })).toString()).toBe('/usr\n');
  });

  it('leaves it no descriptor but 0, 1 and 2', async () => {
    // Inheritable on purpose: Node itself opens everything close-on-exec.
    const { read, write } = pipe2(0);
    fds.push(read, write);
    const script =
      'exec 9</dev/null; i=3; while [ $i -lt 200 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done; :';
    // 9 is the script's own, and shows that the listing would show another.
    expect((await run(['sh', '-c', script])).toString()).toBe('9\n');
  });

  it('gives it default dispositions and an empty mask', async () => {
    expect(readFileSync('/proc/self/status', 'utf8')).not.toMatch(/SigIgn:\t0{16}/);
    const status = (await run(['cat', '/proc/self/status'], { path: '/bin/cat' })).toString();
    expect(status).toMatch(/SigBlk:\t0{16}/);
    expect(status).toMatch(/SigIgn:\t0{16}/);
    expect(status).toMatch(/SigCgt:\t0{16}/);
  });

  it('makes it lead a session where asked', async () => {
    const session = (await run(['sh', '-c', 'cut -d" " -f1,5,6 /proc/$$/stat'], { setsid: true })).toString();
    const [pid, group, leader] = session.trim().split(' ');
    expect(group).toBe(pid);
    expect(leader).toBe(pid);
    const shared = (await run(['sh', '-c', 'cut -d" " -f1,6 /proc/$$/stat'])).toString().trim().split(' ');
    expect(shared[1]).not.toBe(shared[0]);
  });

  it('gives it a terminal that is the controlling one of its new session', async () => {
    const master = openSync('/dev/ptmx', 'r+');
    fds.push(master);
    unlockTerminal(master);
    const terminal = `/dev/pts/${terminalNumber(master)}`;
    const script = `cut -d" " -f1,5,6,7,8 /proc/$$/stat; readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2; : </dev/tty`;
    const argv = ['sh', '-c', `{ ${script}; } > ${outFile}`];
    const stdio = { terminal };
    const status = await collect(posixSpawn({ path: '/bin/sh', argv, env: ['PATH=/usr/bin:/bin'], stdio }));
    expect(status).toEqual({ kind: 'exited', code: 0 });
    const [ids = '', ...ends] = readFileSync(outFile, 'utf8').trim().split('\n');
    const [pid, group, session, controlling, foreground] = ids.split(' ');
    expect([group, session, foreground]).toEqual([pid, pid, pid]);
    expect(controlling).not.toBe('0');
    expect(ends).toEqual([terminal, outFile, terminal]);
    expect(() => posixSpawn({ path: '/bin/sh', argv, env: [], stdio: { terminal: '/dev/pts/none' } })).toThrow(
      expect.objectContaining({ errno: 'ENOENT' }),
    );
  });

  it('can exchange standard descriptors with each other', async () => {
    const script = `
      import { closeSync, openSync, writeFileSync } from 'node:fs';
      import { posixSpawn } from '${new URL('../../../src/linux/spawn.ts', import.meta.url).href}';
      import { waitAny } from '${new URL('../../../src/linux/wait.ts', import.meta.url).href}';
      const argv = ['sh', '-c', 'echo to-one; echo to-two >&2'];
      posixSpawn({ path: '/bin/sh', argv, env: [], stdio: [0, 2, 1] });
      while (waitAny() === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    `;
    const one = join(directory, 'one');
    const two = join(directory, 'two');
    const stdio = [open('/dev/null', 'r'), open(one, 'w'), open(two, 'w')] as const;
    const argv = ['node', '--no-warnings', '--input-type=module-typescript', '-e', script];
    await collect(posixSpawn({ path: process.execPath, argv, env: [], stdio }));
    expect(readFileSync(one, 'utf8')).toBe('to-two\n');
    expect(readFileSync(two, 'utf8')).toBe('to-one\n');
  });

  it('tells exactly why a program cannot be started, and leaves no child', () => {
    const attempt = (more: Partial<SpawnOptions>) => (): number =>
      posixSpawn({ path: '/bin/true', argv: ['true'], env: [], stdio: [0, 1, 2], ...more });
    writeFileSync(join(directory, 'plain'), '');
    expect(attempt({ path: '/no/such' })).toThrow(expect.objectContaining({ code: 'ERR_SYSCALL', errno: 'ENOENT' }));
    expect(attempt({ path: join(directory, 'plain') })).toThrow(expect.objectContaining({ errno: 'EACCES' }));
    expect(attempt({ cwd: '/no/such' })).toThrow(expect.objectContaining({ errno: 'ENOENT' }));
    expect(attempt({ cwd: '/bin/true' })).toThrow(expect.objectContaining({ errno: 'ENOTDIR' }));
    expect(attempt({ argv: ['true', 'x'.repeat(131_072)] })).toThrow(expect.objectContaining({ errno: 'E2BIG' }));
    expect(attempt({ stdio: [0, 1, 9_999] })).toThrow(expect.objectContaining({ errno: 'EBADF' }));
    expect(attempt({ argv: ['a\0b'] })).toThrow(/argv\[0\].*NUL/);
    expect(waitAny()).toBeUndefined();
  });
});
