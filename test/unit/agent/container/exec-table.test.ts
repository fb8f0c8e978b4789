import { fstatSync, writeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExecTable } from '../../../../src/agent/container/exec-table.ts';
import { ContainerProcess } from '../../../../src/agent/container/process.ts';
import { pipeIo } from '../../../../src/agent/stream/process-io.ts';
import { closeChildEnds, openStdioPipes, type StdioPipes } from '../../../../src/agent/stream/stdio.ts';
import type { ExitStatus } from '../../../../src/linux/wait.ts';

const never = new AbortController().signal;
const NO_PROCESS = 2 ** 30;

let table: ExecTable;
let opened: StdioPipes[];
beforeEach(() => {
  table = new ExecTable();
  opened = [];
});
afterEach(() => {
  table.dispose();
  for (const pipes of opened) closeChildEnds(pipes);
});

function make() {
  const { promise, resolve } = Promise.withResolvers<ExitStatus>();
  const pipes = openStdioPipes(0, 0);
  opened.push(pipes);
  const process = new ContainerProcess({ pid: NO_PROCESS, ended: promise, io: pipeIo(pipes), isInit: false });
  return { process, pipes, exit: (code: number) => resolve({ kind: 'exited', code }) };
}
type Made = ReturnType<typeof make>;

async function start(id: string, made: Made = make()): Promise<Made> {
  await table.start(id, () => Promise.resolve(made.process));
  return made;
}
async function collect(made: Made, code = 0): Promise<void> {
  made.exit(code);
  expect(await made.process.wait(never)).toBe(code);
  await setImmediate();
}
const isOpen = (fd: number): boolean => {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
};

const IN_USE = { message: "exec_id 'x' already exists", status: 13 };

describe('ExecTable', () => {
  it('has a key in use from the beginning of the start to the collection of the status', async () => {
    const { promise, resolve } = Promise.withResolvers<ContainerProcess>();
    const made = make();
    const starting = table.start('x', () => promise);
    expect(table.get('x')).toBeUndefined();
    const waiting = table.whenStarted('x');
    await expect(start('x')).rejects.toMatchObject(IN_USE);
    resolve(made.process);
    await starting;
    expect([table.get('x'), await waiting]).toEqual([made.process, made.process]);
    await expect(start('x')).rejects.toMatchObject(IN_USE);
    made.exit(0);
    await made.process.ended();
    await expect(start('x')).rejects.toMatchObject(IN_USE);
    await made.process.wait(never);
    const next = await start('x');
    expect(table.get('x')).toBe(next.process);
    expect(made.process.stdout.isOver).toBe(true);
  });

  it('frees the key of a process that cannot be started', async () => {
    const starting = table.start('x', () => Promise.reject(new Error('no')));
    const waiting = table.whenStarted('x');
    await expect(starting).rejects.toThrow('no');
    expect(await waiting).toBeUndefined();
    await start('x');
  });

  it('keeps nothing of a process that was read to its end and collected', async () => {
    const made = await start('x');
    made.exit(3);
    await made.process.ended();
    await made.process.stdout.read(1, never);
    await made.process.stderr.read(1, never);
    expect(table.get('x')).toBe(made.process);
    expect(await made.process.wait(never)).toBe(3);
    await setImmediate();
    expect(table.get('x')).toBeUndefined();
  });

  it('closes at the collection what has nothing left to read, and still tells of the end', async () => {
    const made = await start('x');
    writeSync(made.pipes.child[2], 'unread');
    await collect(made);
    expect([isOpen(made.pipes.stdout), isOpen(made.pipes.stderr)]).toEqual([false, true]);
    expect(await made.process.stdout.read(1, never)).toHaveLength(0);
    expect(Buffer.from(await made.process.stderr.read(9, never)).toString()).toBe('unread');
    expect(await made.process.stderr.read(9, never)).toHaveLength(0);
    await setImmediate();
    expect(table.get('x')).toBeUndefined();
  });

  it('keeps unread output of the latest only', async () => {
    const all: Made[] = [];
    for (let index = 0; index < 40; index += 1) {
      const made = await start(`x${index}`);
      writeSync(made.pipes.child[1], 'unread');
      await collect(made);
      all.push(made);
    }
    expect(all.map(({ process }, index) => table.get(`x${index}`) === process).indexOf(true)).toBe(8);
    expect(all.filter(({ process }) => !process.stdout.isOver)).toHaveLength(32);
  });

  it('ends all that is in it', async () => {
    const made = await start('x');
    const waiting = made.process.wait(never);
    table.dispose();
    await expect(waiting).rejects.toThrow('the container was removed');
    expect([table.get('x'), isOpen(made.pipes.stdout)]).toEqual([undefined, false]);
  });

  it('waits for what is being started, not for ever', async () => {
    const { promise, resolve } = Promise.withResolvers<ContainerProcess>();
    const starting = table.start('x', () => promise);
    await table.settle(1);
    const settled = table.settle(60_000);
    resolve(make().process);
    await Promise.all([starting, settled]);
  });
});
