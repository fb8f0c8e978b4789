import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cgroup, cgroupMounts } from '../../../../src/agent/container/cgroup.ts';

describe('cgroupMounts', () => {
  const entry = (target: string, fstype: string) => ({ source: fstype, target, fstype, options: 'rw' });

  it('finds version 2', () => {
    expect(cgroupMounts([entry('/sys/fs/cgroup', 'tmpfs'), entry('/sys/fs/cgroup', 'cgroup2')])).toEqual({
      version: 2,
      roots: ['/sys/fs/cgroup'],
    });
  });

  it('finds every hierarchy of version 1, the unified one beside them too', () => {
    const table = [
      entry('/sys/fs/cgroup', 'tmpfs'),
      entry('/sys/fs/cgroup/memory', 'cgroup'),
      entry('/sys/fs/cgroup/unified', 'cgroup2'),
      entry('/proc', 'proc'),
    ];
    expect(cgroupMounts(table)).toEqual({
      version: 1,
      roots: ['/sys/fs/cgroup/memory', '/sys/fs/cgroup/unified'],
    });
  });
});

// A plain directory stands in for the hierarchy: what the agent reads and writes there is files.
describe('Cgroup', () => {
  let root: string;
  let cgroup: Cgroup;
  const write = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cgroup-'));
    cgroup = new Cgroup({ version: 2, roots: [root] }, '/pod/c1');
  });
  afterEach(() => rmSync(root, { recursive: true }));

  it('finds processes below it too, and nothing beside it', () => {
    write('pod/cgroup.procs', '1\n');
    write('pod/c1/cgroup.procs', '10\n11\n');
    write('pod/c1/nested/deep/cgroup.procs', '12\n');
    write('pod/c10/cgroup.procs', '13\n');
    expect([...cgroup.processes()].toSorted()).toEqual([10, 11, 12]);
  });

  it('takes one that does not exist for an empty one', async () => {
    expect(cgroup.processes().size).toBe(0);
    cgroup.kill();
    expect(await cgroup.killAllAndWait()).toBe(true);
    await cgroup.remove();
  });

  it('kills all at once where the kernel can', () => {
    write('pod/c1/cgroup.kill', '');
    write('pod/c1/cgroup.procs', `${process.pid}\n`);
    // If it killed one by one, this very test would end here.
    cgroup.kill();
  });

  it('kills one by one elsewhere, but never the group of the agent for a process that it cannot see', async () => {
    const child = spawn('sleep', ['100']);
    write('pod/c1/nested/cgroup.procs', `0\n${child.pid}\n`);
    write('pod/c1/freezer.state', 'THAWED');
    cgroup.kill();
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  it('removes it with all below it', async () => {
    mkdirSync(join(root, 'pod/c1/nested/deep'), { recursive: true });
    await cgroup.remove();
    expect([existsSync(join(root, 'pod/c1')), existsSync(join(root, 'pod'))]).toEqual([false, true]);
  });
});
