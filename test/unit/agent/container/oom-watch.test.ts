import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMountTable } from '../../../../src/agent/boot/mount-table.ts';
import { Cgroup } from '../../../../src/agent/container/cgroup.ts';
import { OomWatch } from '../../../../src/agent/container/oom-watch.ts';
import { createLogger } from '../../../../src/agent/log/logger.ts';

/** A watch that counts, and the lines that it logged. */
function watchOf(cgroup: Cgroup) {
  const lines: string[] = [];
  const logger = createLogger({ write: (line) => void lines.push(line) }, 'warn');
  const seen = { count: 0, lines };
  const { promise: reported, resolve } = Promise.withResolvers<void>();
  const watch = new OomWatch(cgroup, logger, () => {
    seen.count += 1;
    resolve();
  });
  return { watch, seen, reported };
}

// The file of version 2 as the kernel fills it: the counts of what lies below are in it.
describe('OomWatch in version 2', () => {
  let root: string;
  let cgroup: Cgroup;
  const events = (oom: number, kills: number): void =>
    writeFileSync(join(root, 'c1/memory.events'), `low 0\nhigh 0\nmax 7\noom ${oom}\noom_kill ${kills}\n`);
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'oom-watch-'));
    mkdirSync(join(root, 'c1'));
    cgroup = new Cgroup({ version: 2, roots: [root] }, '/c1');
    events(0, 0);
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('reports once, however much is killed', async () => {
    const { watch, seen, reported } = watchOf(cgroup);
    watch.start();
    events(1, 1);
    await reported;
    events(2, 2);
    watch.check();
    await sleep(20);
    expect(seen).toEqual({ count: 1, lines: [] });
  });

  it('reports at the check at once', () => {
    const { watch, seen } = watchOf(cgroup);
    watch.start();
    watch.check();
    expect(seen.count).toBe(0);
    events(1, 1);
    watch.check();
    expect(seen.count).toBe(1);
  });

  it('does not report failed allocations, and not what was killed before', async () => {
    events(3, 3);
    const { watch, seen } = watchOf(cgroup);
    watch.start();
    events(9, 3);
    await sleep(20);
    watch.check();
    expect(seen.count).toBe(0);
    watch.stop();
    events(9, 4);
    watch.check();
    await sleep(20);
    expect(seen.count).toBe(0);
  });

  it('looks again after a flood of other events', async () => {
    const { watch, seen, reported } = watchOf(cgroup);
    watch.start();
    for (let index = 0; index < 50; index += 1) {
      events(index, 0);
      await sleep(1);
    }
    events(50, 1);
    await reported;
    expect(seen.count).toBe(1);
  });

  it('takes a container that has gone, before its start and after it, for one without an event', () => {
    const { watch, seen } = watchOf(cgroup);
    watch.start();
    rmSync(join(root, 'c1'), { recursive: true });
    watch.check();
    watch.stop();
    const late = watchOf(cgroup);
    late.watch.start();
    late.watch.check();
    late.watch.stop();
    expect([seen, late.seen]).toEqual([
      { count: 0, lines: [] },
      { count: 0, lines: [] },
    ]);
  });

  it('leaves nothing open', () => {
    const before = readdirSync('/proc/self/fd').length;
    for (let index = 0; index < 1000; index += 1) {
      const { watch } = watchOf(cgroup);
      watch.start();
      watch.stop();
    }
    // One descriptor of inotify stays, that of Node.
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 1);
  });
});

const memory = readMountTable().findLast(
  ({ fstype, options }) => fstype === 'cgroup' && options.split(',').includes('memory'),
)?.target;

// A real kernel; where this machine has version 2 only, there is nothing to ask.
describe.skipIf(memory === undefined)('OomWatch in version 1', () => {
  const root = memory ?? '';
  const path = `/unit-oom-${process.pid}`;
  const LIMIT = 16 * 1024 * 1024;
  let cgroup: Cgroup;
  beforeEach(() => {
    mkdirSync(`${root}${path}/below`, { recursive: true });
    writeFileSync(`${root}${path}/memory.limit_in_bytes`, String(LIMIT));
    cgroup = new Cgroup({ version: 1, roots: [root] }, path);
  });
  afterEach(async () => {
    await cgroup.killAllAndWait();
    await cgroup.remove();
    expect(existsSync(`${root}${path}`)).toBe(false);
  });

  /** A program in the cgroup that wants more than there is. */
  const greedy = (below = ''): ReturnType<typeof spawn> => {
    const script = `echo $$ > ${root}${path}${below}/cgroup.procs && exec tail /dev/zero`;
    return spawn('sh', ['-c', script], { stdio: 'ignore' });
  };

  it.each(['', '/below'])('reports by event, from a cgroup%s', async (below) => {
    const { watch, seen, reported } = watchOf(cgroup);
    watch.start();
    expect(await once(greedy(below), 'exit')).toEqual([null, 'SIGKILL']);
    await reported;
    expect(seen).toEqual({ count: 1, lines: [] });
  });

  it('has it at the check after the exit', async () => {
    const { watch, seen } = watchOf(cgroup);
    watch.start();
    await once(greedy('/below'), 'exit');
    watch.check();
    expect(seen.count).toBe(1);
  });

  it('reports nothing for a program that stays within its limit', async () => {
    const { watch, seen } = watchOf(cgroup);
    watch.start();
    const script = `echo $$ > ${root}${path}/cgroup.procs && exec true`;
    await once(spawn('sh', ['-c', script], { stdio: 'ignore' }), 'exit');
    watch.check();
    watch.stop();
    expect(seen).toEqual({ count: 0, lines: [] });
  });

  it('leaves nothing open, the cgroup gone or not', async () => {
    const before = readdirSync('/proc/self/fd').length;
    for (let index = 0; index < 50; index += 1) {
      const { watch } = watchOf(cgroup);
      watch.start();
      if (index % 2 === 0) {
        rmdirSync(`${root}${path}/below`);
        rmdirSync(`${root}${path}`);
        mkdirSync(`${root}${path}/below`, { recursive: true });
      }
      await sleep(1);
      watch.stop();
    }
    while (readdirSync('/proc/self/fd').length > before) await sleep(2);
  });
});
