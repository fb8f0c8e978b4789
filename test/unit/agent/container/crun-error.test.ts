import { describe, expect, it } from 'vitest';
import { crunFailure } from '../../../../src/agent/container/crun-error.ts';

describe('crunFailure', () => {
  it.each([
    ['executable file `/no/such` not found in $PATH: No such file or directory\n', 'the file /no/such was not found'],
    ['open executable: Permission denied\n', 'the file sh cannot be executed: Permission denied'],
    ['a warning\nchdir `/file`: Not a directory\n', 'crun: chdir `/file`: Not a directory'],
    ['\n', 'crun gave no reason'],
  ])('%j', (log, text) => {
    expect(crunFailure(log, 'sh')).toBe(text);
  });
});
