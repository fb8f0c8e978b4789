import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContainerProcess } from '../../../../src/agent/container/process.ts';
import { pipeIo } from '../../../../src/agent/stream/process-io.ts';
import { closeChildEnds, openStdioPipes, type StdioPipes } from '../../../../src/agent/stream/stdio.ts';
import type { ExitStatus } from '../../../../src/linux/wait.ts';

const never = new AbortController().signal;
const NO_PROCESS = 2 ** 30;

let pipes: StdioPipes;
let exit: (status: ExitStatus) => void;
let subject: ContainerProcess;

function make(pid: number, isInit: boolean): ContainerProcess {
  const { promise, resolve } = Promise.withResolvers<ExitStatus>();
  exit = resolve;
  pipes = openStdioPipes(0, 0);
  subject = new ContainerProcess({ pid, ended: promise, io: pipeIo(pipes), isInit });
  return subject;
}
beforeEach(() => {
  make(NO_PROCESS, true);
});
afterEach(() => {
  subject.dispose();
  closeChildEnds(pipes);
});

describe('wait', () => {
  it.each([
    [{ kind: 'exited', code: 7 } as const, 7],
    [{ kind: 'signaled', signal: 9 } as const, 137],
  ])('gives %j as %i', async (status, code) => {
    const waiting = subject.wait(never);
    exit(status);
    expect(await waiting).toBe(code);
  });

  it('gives the status to all who wait, and to nobody after them', async () => {
    const waiting = Promise.all([subject.wait(never), subject.wait(never), subject.wait(never)]);
    expect(subject.collectable).toBe(true);
    exit({ kind: 'exited', code: 5 });
    expect(await waiting).toEqual([5, 5, 5]);
    expect([subject.running, subject.collectable]).toEqual([false, false]);
  });

  it('keeps the status until somebody asks', async () => {
    exit({ kind: 'exited', code: 3 });
    await subject.ended();
    expect([subject.running, subject.collectable]).toEqual([false, true]);
    expect(await subject.wait(never)).toBe(3);
  });

  it('is not collected by one who has gone', async () => {
    const gone = new AbortController();
    const waiting = subject.wait(gone.signal);
    gone.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    exit({ kind: 'exited', code: 4 });
    await subject.ended();
    await expect(subject.wait(AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
    expect(await subject.wait(never)).toBe(4);
  });

  it('fails when the container is removed first', async () => {
    const waiting = subject.wait(never);
    subject.dispose();
    await expect(waiting).rejects.toMatchObject({ status: 13 });
  });
});

describe('streams', () => {
  it('end after the exit, with what was in the pipe', async () => {
    writeSync(pipes.child[1], 'out');
    exit({ kind: 'exited', code: 0 });
    await subject.ended();
    expect(Buffer.from(await subject.stdout.read(10, never)).toString()).toBe('out');
    expect(await subject.stdout.read(10, never)).toHaveLength(0);
    expect(await subject.stderr.read(10, never)).toHaveLength(0);
  });

  it('keep standard input open until the end', async () => {
    writeSync(pipes.stdin, 'x');
    exit({ kind: 'exited', code: 0 });
    await subject.ended();
    expect(() => closeSync(pipes.stdin)).toThrow('EBADF');
  });
});

describe('holdExit', () => {
  it('keeps the status from those who wait until all have let go, however they do', async () => {
    const holds = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
    for (const { promise } of holds) subject.holdExit(promise);
    const told: number[] = [];
    const waiting = subject.wait(never).then((code) => told.push(code));
    exit({ kind: 'exited', code: 6 });
    await subject.ended();
    expect(subject.running).toBe(false);
    holds[0].resolve();
    await setImmediate();
    expect(told).toEqual([]);
    holds[1].reject(new Error('the copy failed'));
    await waiting;
    expect(told).toEqual([6]);
  });

  it('does not lose the status where the container is removed meanwhile', async () => {
    subject.holdExit(new Promise(() => {}));
    const waiting = subject.wait(never);
    exit({ kind: 'exited', code: 8 });
    await subject.ended();
    subject.dispose();
    expect(await waiting).toBe(8);
  });
});

describe('signal', () => {
  async function run(script: string, isInit: boolean): Promise<ReturnType<typeof spawn>> {
    const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    subject.dispose();
    closeChildEnds(pipes);
    make(child.pid ?? 0, isInit);
    return child;
  }

  it.each([
    [true, 'SIGKILL'],
    [false, 'SIGTERM'],
  ])('ends a process that has no handler by SIGTERM: first of its container %s, %s', async (isInit, expected) => {
    const child = await run('echo; exec sleep 100', isInit);
    subject.signal(15);
    expect(await once(child, 'exit')).toEqual([null, expected]);
  });

  it('leaves SIGTERM to a handler, and never touches a process that has ended', async () => {
    const child = await run('trap "exit 5" TERM; echo; while :; do sleep 0.01; done', true);
    subject.signal(0);
    subject.signal(15);
    expect(await once(child, 'exit')).toEqual([5, null]);
    subject.signal(15);
    exit({ kind: 'exited', code: 5 });
    await subject.ended();
    // By now the pid may be another process's.
    make(process.pid, true);
    exit({ kind: 'exited', code: 0 });
    await subject.ended();
    subject.signal(9);
  });

  it('refuses what is no signal', () => {
    make(process.pid, false);
    expect(() => subject.signal(99)).toThrow('signal: 99 is no signal');
  });
});
