import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readMountTable } from '../../../../src/agent/boot/mount-table.ts';
import { widenCpuset } from '../../../../src/agent/hotplug/cpuset.ts';
import { TemporaryFiles } from '../temporary-files.ts';

const FILES = {
  'pids/pod/c/pids.max': '',
  'cpuset/cpuset.cpus': '0-3',
  'cpuset/pod/cpuset.cpus': '0',
  'cpuset/pod/c/cpuset.cpus': '0',
};

describe('widenCpuset', () => {
  it.each([
    ['all that are in use', '', '0-3'],
    ['those that it was told to keep to', '1-2', '1-2'],
  ])('gives a container of version 1 %s', (_what, cpus, own) => {
    using files = new TemporaryFiles(FILES);
    const mounts = { version: 1, roots: ['pids', 'cpuset'].map((name) => `${files.root}/${name}`) } as const;
    widenCpuset(mounts, { cgroupsPath: '/pod/c', cpus }, '0-3');
    expect(files.read('cpuset/pod/cpuset.cpus')).toBe('0-3');
    expect(files.read('cpuset/pod/c/cpuset.cpus')).toBe(own);
    widenCpuset(mounts, { cgroupsPath: '/pod/gone', cpus }, '0-3');
    expect(existsSync(`${files.root}/cpuset/pod/gone`)).toBe(false);
  });

  it('leaves version 2 to the kernel, and a machine without this controller as it is', () => {
    using files = new TemporaryFiles(FILES);
    widenCpuset({ version: 2, roots: [`${files.root}/cpuset`] }, { cgroupsPath: '/pod/c', cpus: '' }, '0-3');
    widenCpuset({ version: 1, roots: [`${files.root}/pids`] }, { cgroupsPath: '/pod/c', cpus: '' }, '0-3');
    expect(files.read('cpuset/pod/c/cpuset.cpus')).toBe('0');
  });

  const mount = readMountTable().find(
    ({ fstype, options }) => fstype === 'cgroup' && options.split(',').includes('cpuset'),
  );
  it.runIf(mount !== undefined)('goes down from above, as the kernel of this machine wants it', () => {
    const root = mount?.target ?? '';
    const all = readFileSync(`${root}/cpuset.cpus`, 'utf8').trim();
    const path = `/unit-cpuset-${process.pid}`;
    mkdirSync(`${root}${path}/c`, { recursive: true });
    try {
      for (const directory of [path, `${path}/c`]) writeFileSync(`${root}${directory}/cpuset.cpus`, '0');
      widenCpuset({ version: 1, roots: [root] }, { cgroupsPath: `${path}/c`, cpus: '' }, all);
      for (const directory of [path, `${path}/c`]) {
        expect(readFileSync(`${root}${directory}/cpuset.cpus`, 'utf8').trim()).toBe(all);
      }
    } finally {
      for (const directory of [`${path}/c`, path]) rmdirSync(`${root}${directory}`);
    }
  });
});
