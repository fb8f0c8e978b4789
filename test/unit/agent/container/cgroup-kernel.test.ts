/** The cgroup of a container in a real kernel, in whichever versions this machine has. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMountTable } from '../../../../src/agent/boot/mount-table.ts';
import { Cgroup, type CgroupMounts } from '../../../../src/agent/container/cgroup.ts';
import { joinFiles } from '../../../../src/agent/container/cgroup-membership.ts';

const table = readMountTable();
const unified = table.findLast(({ fstype }) => fstype === 'cgroup2')?.target;
const freezer = table.findLast(({ fstype, options }) => fstype === 'cgroup' && options.split(',').includes('freezer'));
const pids = table.findLast(({ fstype, options }) => fstype === 'cgroup' && options.split(',').includes('pids'));

const PATH = `/unit-kernel-${process.pid}`;
const BREEDERS = 20;

interface Case {
  readonly name: string;
  readonly mounts: CgroupMounts;
}

const CASES: readonly Case[] = [
  ...(unified === undefined ? [] : [{ name: 'version 2', mounts: { version: 2, roots: [unified] } } as const]),
  ...(freezer === undefined || pids === undefined
    ? []
    : [{ name: 'version 1', mounts: { version: 1, roots: [pids.target, freezer.target] } } as const]),
];

describe.for(CASES)('Cgroup of $name', ({ mounts }) => {
  const directories = mounts.roots.map((root) => `${root}${PATH}`);
  let cgroup: Cgroup;
  beforeEach(() => {
    for (const directory of directories) mkdirSync(directory);
    cgroup = new Cgroup(mounts, PATH);
  });
  afterEach(async () => {
    await cgroup.killAllAndWait();
    await cgroup.remove();
    expect(directories.filter((directory) => existsSync(directory))).toEqual([]);
  });

  /** Starts a script in the cgroup, or in one below it. */
  const run = (script: string, below = ''): number => {
    const files = directories.map((directory) => `${directory}${below}/cgroup.procs`);
    const join = files.map((file) => `echo $$ > ${file}`).join(' && ');
    const child = spawn('sh', ['-c', `${join} && ${script}`], { stdio: 'ignore' });
    return child.pid ?? 0;
  };
  const makeBelow = (name: string): void => {
    for (const directory of directories) mkdirSync(`${directory}/${name}`);
  };
  const filled = async (count: number): Promise<void> => {
    while (cgroup.processes().size < count) await sleep(2);
  };
  /** Counts up in the background: what stands still does not count. */
  const ticks = (pid: number): number =>
    Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  const TICKING = 'while :; do sleep 0.01; done';

  it('stops all in it and below it, and lets them go on; each as often as it is asked', async () => {
    makeBelow('nested');
    const pid = run(TICKING, '/nested');
    await filled(1);
    expect(cgroup.frozen).toBe(false);
    await cgroup.freeze();
    await cgroup.freeze();
    expect(cgroup.frozen).toBe(true);
    const before = ticks(pid);
    await sleep(60);
    expect(ticks(pid)).toBe(before);
    await cgroup.thaw();
    await cgroup.thaw();
    expect(cgroup.frozen).toBe(false);
    while (ticks(pid) <= before) await sleep(2);
  });

  it('can be frozen without a process', async () => {
    await cgroup.freeze();
    expect(cgroup.frozen).toBe(true);
    await cgroup.thaw();
  });

  it('can be frozen while processes are born in it all the time', async () => {
    run('while :; do true & /bin/true; done');
    await filled(1);
    await cgroup.freeze();
    const before = [...cgroup.processes()].toSorted();
    await sleep(30);
    expect([...cgroup.processes()].toSorted()).toEqual(before);
  });

  it('kills what is frozen, the container having frozen a part itself', async () => {
    makeBelow('own');
    run(TICKING);
    run(TICKING, '/own');
    await filled(2);
    await new Cgroup(mounts, `${PATH}/own`).freeze();
    await cgroup.freeze();
    expect(await cgroup.killAllAndWait()).toBe(true);
    await cgroup.remove();
    for (const directory of directories) mkdirSync(directory);
  });

  it('kills what forks all the time', async () => {
    run(`for i in $(seq ${BREEDERS}); do (while :; do (sleep 0.02 &); /bin/true; done) & done; wait`);
    await filled(BREEDERS * 2);
    expect(await cgroup.killAllAndWait()).toBe(true);
    await sleep(20);
    expect(cgroup.processes().size).toBe(0);
  });

  it('says so where it is gone', async () => {
    const none = new Cgroup(mounts, `${PATH}/none`);
    expect(none.frozen).toBe(false);
    await expect(none.freeze()).rejects.toMatchObject({ status: 13 });
    await expect(none.thaw()).rejects.toMatchObject({ status: 13 });
  });

  it('tells where its first process is now', async () => {
    const pid = run(TICKING);
    await filled(1);
    const found = (below: string): string[] => directories.map((directory) => `${directory}${below}/cgroup.procs`);
    expect(joinFiles(pid)).toEqual(expect.arrayContaining(found('')));
    makeBelow('init');
    for (const file of found('/init')) writeFileSync(file, String(pid));
    const after = joinFiles(pid);
    expect(after).toEqual(expect.arrayContaining(found('/init')));
    expect(after.filter((file) => !existsSync(file))).toEqual([]);
    for (const file of after) writeFileSync(file, String(pid));
  });
});
