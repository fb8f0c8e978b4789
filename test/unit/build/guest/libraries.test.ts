import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { libraryClosure, parseLdd } from '../../../../build/guest/libraries.ts';

const OUTPUT = `/usr/bin/a:
\tlinux-vdso.so.1 (0x00007ffd2a7f2000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2d4a000000)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f2d4a200000)
/usr/bin/b:
\tlinux-vdso.so.1 (0x00007ffc19bd7000)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f11c1600000)
\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f11c1900000)
`;

describe('parseLdd', () => {
  it('takes every library once, the linker among them, and not the vdso', () => {
    expect(parseLdd(OUTPUT)).toEqual([
      '/lib/x86_64-linux-gnu/libc.so.6',
      '/lib/x86_64-linux-gnu/libm.so.6',
      '/lib64/ld-linux-x86-64.so.2',
    ]);
  });

  it('refuses what is not whole, and names it', () => {
    expect(() => parseLdd(`${OUTPUT}\tlibgone.so.3 => not found\n`)).toThrow('libraries are missing: libgone.so.3');
  });
});

describe('libraryClosure', () => {
  it('finds the C library of a program of this machine', async () => {
    const closure = await libraryClosure([process.execPath]);
    const names = [...closure.keys()].map((path) => path.slice(path.lastIndexOf('/') + 1));
    expect(names).toContain('libc.so.6');
    expect(names.filter((name) => name.startsWith('ld-linux'))).toHaveLength(1);
    expect([...closure.values()].every((path) => existsSync(path))).toBe(true);
  });
});
