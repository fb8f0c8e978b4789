import { describe, expect, it } from 'vitest';
import { escapeOverlayPath, parseMountPoints } from '../../../src/host/share.ts';

describe('parseMountPoints()', () => {
  it('reads the fifth field and resolves its escapes', () => {
    const text = '22 27 0:21 / /proc rw - proc proc rw\n23 27 0:22 / /a\\040b\\134c rw,relatime - tmpfs none rw\n';
    expect(parseMountPoints(text)).toEqual(new Set(['/proc', '/a b\\c']));
  });
});

describe('escapeOverlayPath()', () => {
  it('keeps what splits options and layers', () => {
    expect(escapeOverlayPath('/a:b,c\\d')).toBe('/a\\:b\\,c\\\\d');
  });
});
