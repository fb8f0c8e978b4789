import { describe, expect, it } from 'vitest';
import { parseMountTable } from '../../../../src/agent/boot/mount-table.ts';
import { joinFiles, joinFilesFor } from '../../../../src/agent/container/cgroup-membership.ts';

describe('joinFilesFor', () => {
  it('follows the process in version 2, whatever lies out of sight below the mount point', () => {
    const table = parseMountTable(
      'x /sys/fs/cgroup tmpfs rw 0 0\nx /sys/fs/cgroup/pids cgroup rw,pids 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n',
    );
    expect(joinFilesFor('9:pids:/pod/c1\n0::/pod/c1/init.scope\n', table)).toEqual([
      '/sys/fs/cgroup/pod/c1/init.scope/cgroup.procs',
    ]);
    expect(joinFilesFor('0::/\n', table)).toEqual(['/sys/fs/cgroup/cgroup.procs']);
  });

  it('finds every hierarchy of version 1 by its controllers or its name', () => {
    const table = parseMountTable(
      [
        'x /sys/fs/cgroup tmpfs ro 0 0',
        'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0',
        'cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0',
        'cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0',
        'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0',
      ].join('\n'),
    );
    const membership = '5:cpuset:/a:b\n4:cpu,cpuacct:/c\n3:memory:/not-mounted\n1:name=systemd:/d\n0::/e\n';
    expect(joinFilesFor(membership, table)).toEqual([
      '/sys/fs/cgroup/cpuset/a:b/cgroup.procs',
      '/sys/fs/cgroup/cpu,cpuacct/c/cgroup.procs',
      '/sys/fs/cgroup/systemd/d/cgroup.procs',
      '/sys/fs/cgroup/unified/e/cgroup.procs',
    ]);
  });

  it('leaves out a cgroup that was removed', () => {
    const table = parseMountTable('cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n');
    expect(joinFilesFor('0::/pod/c1 (deleted)\n', table)).toEqual([]);
  });
});

describe('joinFiles', () => {
  it('says that the process has gone', () => {
    expect(() => joinFiles(2 ** 22 + 1)).toThrow(expect.objectContaining({ code: 'ERR_SYSCALL', errno: 'ENOENT' }));
  });
});
