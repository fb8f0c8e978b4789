import { describe, expect, it } from 'vitest';
import { crunExecError } from '../../../../src/agent/exec/crun-exec-error.ts';

const plan = { args: ['/bin/x', 'y'], cwd: '/work' };

describe('crunExecError', () => {
  it.each([
    [
      'executable file `nosuch` not found in $PATH: No such file or directory\n',
      'the file nosuch was not found (exec, ENOENT)',
      'ENOENT',
    ],
    ['open executable: Permission denied', 'the file /bin/x cannot be executed (exec, EACCES)', 'EACCES'],
    ['open executable: Operation not permitted', 'the file /bin/x cannot be executed (exec, EACCES)', 'EACCES'],
    ['open executable: Too many levels of symbolic links', 'the file /bin/x cannot be executed (exec, ELOOP)', 'ELOOP'],
    ['exec: Exec format error', 'the file /bin/x cannot be executed (exec, ENOEXEC)', 'ENOEXEC'],
    ['exec: Argument list too long', 'the file /bin/x cannot be executed (exec, E2BIG)', 'E2BIG'],
    ['exec: No such file or directory', 'the file /bin/x was not found (exec, ENOENT)', 'ENOENT'],
    [
      'first\nchdir `/work`: No such file or directory\n',
      'the working directory /work was not found (cwd, ENOENT)',
      'ENOENT',
    ],
    ['chdir `/work`: Not a directory', 'the working directory /work cannot be used (cwd, ENOTDIR)', 'ENOTDIR'],
    ['exec: Something new', 'the file /bin/x cannot be executed (exec)', undefined],
    [
      'opening file `/sys/fs/cgroup/a/cgroup.procs` for writing: Gone',
      'the process cannot be started: crun: opening file',
      undefined,
    ],
    ['something else', 'the process cannot be started: crun: something else (setup)', undefined],
    ['', 'the process cannot be started: crun gave no reason (setup)', undefined],
  ])('reads %j', (log, message, errno) => {
    const error = crunExecError(log, plan);
    expect(error.message).toContain(message);
    expect(error).toMatchObject({ code: 'ERR_EXEC', status: 13, errno });
  });
});
