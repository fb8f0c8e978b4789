import { describe, expect, it } from 'vitest';
import { MNT_DETACH, MS_NOSUID, mount, umount2 } from '../../../src/linux/mount.ts';
import { runInNamespaces } from './in-namespaces.ts';

describe('mount and umount2', () => {
  it('mount with flags and data, bind, and unmount', () => {
    const printed = runInNamespaces(
      ['-m'],
      {
        mount: 'mount, umount2, MS_NOSUID, MS_NODEV, MS_BIND, MNT_DETACH, UMOUNT_NOFOLLOW',
        'node:fs': 'mkdirSync, readFileSync, writeFileSync',
      },
      `
      const show = () => readFileSync('/proc/self/mounts', 'utf8').split('\\n').filter((line) => line.startsWith('mine '));
      mount({ source: 'mine', target: '/mnt', fstype: 'tmpfs', flags: MS_NOSUID | MS_NODEV, data: 'size=64k,mode=711' });
      const [first] = show();
      const odd = Uint8Array.of(0x2f, 0x6d, 0x6e, 0x74, 0x2f, 0xff); // "/mnt/" and a byte that is no UTF-8
      mkdirSync(Buffer.from(odd));
      mkdirSync('/mnt/b');
      writeFileSync('/mnt/b/file', 'seen');
      mount({ source: '/mnt/b', target: odd, fstype: '', flags: MS_BIND });
      const bound = readFileSync(Buffer.concat([odd, Buffer.from('/file')]), 'utf8');
      umount2(odd, UMOUNT_NOFOLLOW);
      umount2('/mnt', MNT_DETACH);
      console.log(JSON.stringify({ first, bound, left: show() }));
      `,
    );
    const { first, bound, left } = JSON.parse(printed);
    expect(first).toMatch(/^mine \/mnt tmpfs rw,nosuid,nodev,.*size=64k,mode=711/);
    expect(bound).toBe('seen');
    expect(left).toEqual([]);
  });

  it('names what failed', () => {
    const refused = (): void => mount({ source: 'x', target: '/no/such', fstype: 'tmpfs', flags: MS_NOSUID });
    expect(refused).toThrow('mount tmpfs "x" on "/no/such": ENOENT');
    const unknown = (): void => mount({ source: 'x', target: '/', fstype: 'nofs', flags: 0 });
    expect(unknown).toThrow(expect.objectContaining({ errno: 'ENODEV' }));
    expect(() => umount2('/usr/bin/env', MNT_DETACH)).toThrow('umount2 "/usr/bin/env": EINVAL');
  });
});
