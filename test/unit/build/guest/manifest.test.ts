import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseGuestManifest } from '../../../../build/guest/manifest.ts';

const REAL = readFileSync(new URL('../../../../rootfs/manifest.toml', import.meta.url), 'utf8');

describe('parseGuestManifest', () => {
  it('reads the manifest of the guest', () => {
    const manifest = parseGuestManifest(REAL);
    expect(manifest.modules.boot).toContain('virtio_blk');
    expect(manifest.programs.filter(({ isStatic }) => isStatic).map(({ path }) => path)).toEqual(['/usr/bin/busybox']);
    expect(manifest.links.get('/bin')).toBe('usr/bin');
    expect(manifest.files.get('/etc/resolv.conf')).toBe('');
  });

  it('names no path twice', () => {
    const { programs, links, files, directories } = parseGuestManifest(REAL);
    const paths = programs.flatMap(({ path, links: more }) => [path, ...more]);
    const all = [...paths, ...links.keys(), ...files.keys(), ...directories];
    expect(all.toSorted()).toEqual([...new Set(all)].toSorted());
  });

  it.each([
    ['[modules]', 'plugins must be a table, not undefined'],
    [REAL.replace(/^boot = \[/m, 'boot = [1,'), 'modules.boot must be an array of texts'],
    [REAL.replace('package = "crun"', 'package = 5'), 'program[1].package must be a text, not 5'],
    [REAL.replaceAll('[[program]]', '[[programme]]'), 'program must be an array of tables, not undefined'],
  ])('refuses a wrong one and names the key', (text, message) => {
    expect(() => parseGuestManifest(text)).toThrow(message);
  });
});
