import { describe, expect, it } from 'vitest';
import { COPY_BYTES, copyRequests } from '../../../../src/host/conformance/guest-root.ts';

const DIR_MODE = 0x8000_0000 + 0o755;

describe('copyRequests()', () => {
  it('has one request for a directory and for a link, whose target is its data', () => {
    expect(copyRequests('/d', { kind: 'directory', mode: 0o1777 }, { uid: 1, gid: 2 })).toEqual([
      { path: '/d', dir_mode: DIR_MODE, uid: 1, gid: 2, file_mode: 0o041777 },
    ]);
    const [link, ...more] = copyRequests('/l', { kind: 'link', target: 'a/b' });
    expect(link).toEqual({
      path: '/l',
      dir_mode: DIR_MODE,
      uid: 0,
      gid: 0,
      file_mode: 0o120777,
      data: Buffer.from('a/b'),
    });
    expect(more).toEqual([]);
  });

  it('has one for an empty file', () => {
    const requests = copyRequests('/f', { kind: 'file', mode: 0o644, content: Buffer.alloc(0) });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ file_mode: 0o100644, data: Buffer.alloc(0) });
    expect(`${requests[0]?.file_size}`).toBe('0');
  });

  it('cuts a long file, each part at its offset', () => {
    const content = Buffer.alloc(2 * COPY_BYTES + 3, 'x');
    const requests = copyRequests('/f', { kind: 'file', mode: 0o600, content });
    expect(requests.map(({ offset, data }) => [`${offset}`, data?.length])).toEqual([
      ['0', COPY_BYTES],
      [`${COPY_BYTES}`, COPY_BYTES],
      [`${2 * COPY_BYTES}`, 3],
    ]);
    expect(new Set(requests.map(({ file_size: size }) => `${size}`))).toEqual(new Set([`${content.length}`]));
  });
});
