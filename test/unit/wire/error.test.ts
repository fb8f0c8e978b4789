import { describe, expect, it } from 'vitest';
import { GrpcStatus, hasErrno, KataError } from '../../../src/wire/error.ts';

describe('KataError', () => {
  it('has the status of its code, or the one it is given', () => {
    expect(new KataError('ERR_NOT_FOUND', 'x').status).toBe(GrpcStatus.NOT_FOUND);
    expect(new KataError('ERR_NOT_FOUND', 'x', { status: GrpcStatus.INVALID_ARGUMENT }).status).toBe(3);
  });

  it('has a cause only where one is given', () => {
    expect('cause' in new KataError('ERR_INTERNAL', 'x')).toBe(false);
    expect(new KataError('ERR_INTERNAL', 'x', { cause: 7 }).cause).toBe(7);
  });
});

describe('KataError.from()', () => {
  it('gives a KataError back as it is', () => {
    const error = new KataError('ERR_DEADLINE', 'timeout');
    expect(KataError.from(error)).toBe(error);
  });

  it('keeps the errno of an error of Node', () => {
    const cause = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
    expect(KataError.from(cause)).toMatchObject({ code: 'ERR_SYSCALL', errno: 'ENOENT', status: 13, cause });
  });

  it('takes a code of Node that is no errno for an internal error', () => {
    const cause = Object.assign(new TypeError('bad'), { code: 'ERR_INVALID_ARG_TYPE' });
    expect(KataError.from(cause)).toMatchObject({ code: 'ERR_INTERNAL', errno: undefined, message: 'bad' });
  });

  it('turns any other value into an internal error with its text', () => {
    expect(KataError.from('boom')).toMatchObject({ code: 'ERR_INTERNAL', message: 'boom' });
    expect(KataError.from(undefined).message).toBe('undefined');
    expect(KataError.from(Object.create(null)).message).toBe('a value was thrown that has no text');
  });
});

describe('hasErrno()', () => {
  it('compares the errno of errors of either kind', () => {
    expect(hasErrno(new KataError('ERR_SYSCALL', 'x', { errno: 'ESRCH' }), 'EPERM', 'ESRCH')).toBe(true);
    expect(hasErrno(Object.assign(new Error('x'), { code: 'EIO' }), 'EIO')).toBe(true);
    expect(hasErrno(new Error('x'), 'EIO')).toBe(false);
    expect(hasErrno('EIO', 'EIO')).toBe(false);
  });
});
