import { describe, expect, it } from 'vitest';
import { statusOfError, statusOfSignal } from '../../../src/cli/exit-status.ts';
import { KataError } from '../../../src/wire/error.ts';

describe('statusOfError()', () => {
  it.each([
    [127, new KataError('ERR_INTERNAL', 'the file no-such was not found')],
    [127, new KataError('ERR_INTERNAL', 'executable file `x` not found in $PATH: No such file or directory')],
    [127, new KataError('ERR_INTERNAL', 'the file /x cannot be executed: No such file or directory')],
    [126, new KataError('ERR_INTERNAL', 'the file /etc/passwd cannot be executed: Permission denied')],
    [127, new KataError('ERR_INTERNAL', 'the file no-such was not found (exec, ENOENT)')],
    [126, new KataError('ERR_INTERNAL', 'the file /etc cannot be executed (exec, EACCES)')],
    [126, new KataError('ERR_INTERNAL', 'the working directory /no was not found (cwd, ENOENT)')],
    [126, new KataError('ERR_INTERNAL', 'the working directory /etc/passwd cannot be used (cwd, ENOTDIR)')],
    [126, new KataError('ERR_INTERNAL', 'the user nobody2 is unknown (user)')],
    [141, new KataError('ERR_CANCELLED', 'the reader of the output went away')],
    [125, new KataError('ERR_BOOT', 'QEMU ended\n  guest console: the file /init was not found')],
    [125, new KataError('ERR_INVALID_ARGUMENT', 'cpus: 0 is not a whole number')],
    [125, new Error('anything else')],
  ])('is %i', (status, error) => {
    expect(statusOfError(error)).toBe(status);
  });
});

describe('statusOfSignal()', () => {
  it('is 128 and the number', () => {
    expect([statusOfSignal('SIGINT'), statusOfSignal('SIGTERM'), statusOfSignal('SIGHUP')]).toEqual([130, 143, 129]);
  });
});
