import Long from 'long';
import { describe, expect, it } from 'vitest';
import { copyJobOf } from '../../../../src/agent/storage/copy-request.ts';
import { grpc } from '../../../../src/wire/generated/proto.js';

const SHARED = '/run/kata-containers/shared/containers';
const n = (value: number): Long => Long.fromNumber(value);
const request = (more: grpc.CopyFileRequest.$Properties): grpc.CopyFileRequest =>
  grpc.CopyFileRequest.decode(
    grpc.CopyFileRequest.encode({ path: `${SHARED}/a/b`, file_mode: 0o100644, ...more }).finish(),
  );

describe('copyJobOf', () => {
  it('reads a part of a file as a shim sends it', () => {
    const job = copyJobOf(
      request({ dir_mode: 0x800001e8, uid: 1, gid: -2, file_size: n(8), offset: n(5), data: Buffer.from('abc') }),
    );
    expect(job).toMatchObject({ root: SHARED, names: ['a', 'b'], directoryMode: 0o750, uid: 1, gid: 4_294_967_294 });
    expect(job.content).toMatchObject({ kind: 'part', mode: 0o644, size: 8, offset: 5, data: Buffer.from('abc') });
  });

  it('tells directories, links and files apart', () => {
    const kind = (mode: number): string =>
      copyJobOf(request({ file_mode: mode, data: Buffer.from('x'), file_size: n(1) })).content.kind;
    expect([kind(0o40755), kind(0o120777), kind(0o100644), kind(0o644)]).toEqual(['directory', 'link', 'part', 'part']);
  });

  it('takes slashes and dots that mean nothing', () => {
    expect(copyJobOf(request({ path: `${SHARED}//./a/./b/` })).names).toEqual(['a', 'b']);
  });

  it.each([
    [{ path: '' }, 'path'],
    [{ path: 'a' }, 'is not below'],
    [{ path: '/etc/passwd' }, 'is not below'],
    [{ path: SHARED }, 'is not below'],
    [{ path: `${SHARED}-x/a` }, 'is not below'],
    [{ path: `${SHARED}/` }, 'names no file'],
    [{ path: `${SHARED}/.` }, 'names no file'],
    [{ path: `${SHARED}/..` }, 'has a part ".."'],
    [{ path: `${SHARED}/a/../../../x` }, 'has a part ".."'],
    [{ path: `/run/../${SHARED}/a` }, 'is not below'],
    [{ path: `${SHARED}/a\0b` }, 'has characters'],
    [{ path: `${SHARED}/a\uFFFD` }, 'has characters'],
    [{ offset: n(-1) }, 'offset: "-1" is out of range'],
    [{ file_size: n(-1) }, 'file_size: "-1" is out of range'],
    [{ file_size: n(2), data: Buffer.from('abc') }, 'file_size: 2 is less than the 3 bytes from 0 on'],
    [{ file_size: n(4), offset: n(2), data: Buffer.from('abc') }, 'file_size: 4'],
    [{ file_mode: 0o120777 }, 'no target of a link'],
    [{ file_mode: 0o120777, data: Buffer.from('a\0b') }, 'no target of a link'],
    [{ file_mode: 0o060644 }, 'is neither a file'],
    [{ file_mode: 0o140644 }, 'is neither a file'],
    [{ file_mode: 0o010644 }, 'is neither a file'],
  ])('refuses %j', (given, text) => {
    const check = (): unknown => copyJobOf(request(given));
    expect(check).toThrow(expect.objectContaining({ status: 13 }));
    expect(check).toThrow(text);
  });
});
