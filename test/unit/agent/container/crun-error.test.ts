import { describe, expect, it } from 'vitest';
import { crunFailure } from '../../../../src/agent/container/crun-error.ts';

describe('crunFailure', () => {
  it.each([
    ['executable file `/no/such` not found in $PATH: No such file or directory\n', 'the file /no/such was not found'],
    ['open executable: Permission denied\n', 'the file sh cannot be executed: Permission denied'],
    ['a warning\nchdir `/file`: Not a directory\n', 'crun: chdir `/file`: Not a directory'],
    [
      'cannot mkdir `proc`: Read-only file system\n',
      `the container's root is read-only and has no proc; if it is empty, the host's mounts do not reach the share ("mount --make-rshared /" on the host)`,
    ],
    ['\n', 'crun gave no reason'],
  ])('%j', (log, text) => {
    expect(crunFailure(log, 'sh')).toBe(text);
  });
});
