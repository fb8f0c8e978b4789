import { describe, expect, it } from 'vitest';
import { reseedRandom } from '../../../src/linux/random.ts';
import { runInNamespaces } from './in-namespaces.ts';

describe('reseedRandom', () => {
  it('is taken by the kernel, whatever the length', () => {
    for (const length of [1, 7, 64, 513]) reseedRandom(new Uint8Array(length).fill(length));
  });

  it('needs the right to', () => {
    const body = `try { reseedRandom(new Uint8Array(8)); } catch (error) { console.log(error.errno); }`;
    const flags = ['-m', '--', 'setpriv', '--bounding-set=-sys_admin'];
    expect(runInNamespaces(flags, { random: 'reseedRandom' }, body)).toBe('EPERM\n');
  });
});
