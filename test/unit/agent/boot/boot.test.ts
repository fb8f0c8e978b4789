import { describe, expect, it } from 'vitest';
import { missingMounts } from '../../../../src/agent/boot/base-mounts.ts';
import { enabledV1Controllers } from '../../../../src/agent/boot/cgroups.ts';
import { hostnameFrom } from '../../../../src/agent/boot/init.ts';
import { fstypeAt, parseMountTable } from '../../../../src/agent/boot/mount-table.ts';

describe('the mount table', () => {
  it('knows what is seen at a mount point, escapes and later mounts included', () => {
    const entries = parseMountTable(
      'rootfs / rootfs rw 0 0\n/dev/vda / erofs ro 0 0\na\\040b /mnt/c\\134d\\011 tmpfs rw 0 0\n\nbroken\n',
    );
    expect(fstypeAt(entries, '/')).toBe('erofs');
    expect(fstypeAt(entries, '/mnt/c\\d\t')).toBe('tmpfs');
    expect(entries[2]).toMatchObject({ source: 'a b', options: 'rw' });
    expect(fstypeAt(entries, '/mnt')).toBeUndefined();
    expect(entries).toHaveLength(3);
  });
});

describe('missingMounts', () => {
  const targets = (table: string): string[] => missingMounts(parseMountTable(table)).map((row) => row.target);

  it('is all of them, parents first, where nothing is mounted', () => {
    expect(targets('')).toEqual(['/proc', '/sys', '/dev', '/dev/shm', '/dev/pts', '/run']);
  });

  it('leaves out what the initial root handed over', () => {
    expect(targets('dev /dev devtmpfs rw 0 0\nproc /proc proc rw 0 0')).toEqual([
      '/sys',
      '/dev/shm',
      '/dev/pts',
      '/run',
    ]);
  });

  it('mounts over another type', () => {
    expect(targets('x /run ext4 rw 0 0')).toContain('/run');
  });
});

describe('enabledV1Controllers', () => {
  const HEAD = '#subsys_name\thierarchy\tnum_cgroups\tenabled\n';

  it('takes the enabled ones of the list, in the order of the list', () => {
    const table = `${HEAD}memory\t0\t1\t1\ndevices\t0\t1\t1\ncpu\t0\t1\t1\npids\t0\t1\t0\nmisc\t0\t1\t1\n`;
    expect(enabledV1Controllers(table)).toEqual(['cpu', 'memory', 'devices']);
  });

  it('takes none without devices', () => {
    expect(enabledV1Controllers(`${HEAD}memory\t0\t1\t1\ndevices\t0\t1\t0\n`)).toEqual([]);
  });
});

describe('hostnameFrom', () => {
  it.each([
    [undefined, 'localhost'],
    ['', 'localhost'],
    [' \n', 'localhost'],
    ['pod-1\n', 'pod-1'],
    ['\n  a b\nc', 'a'],
  ])('%j -> %s', (file, name) => {
    expect(hostnameFrom(file)).toBe(name);
  });
});
