import { describe, expect, it } from 'vitest';
import { containerTarget, firstOf, parseTarget } from '../../../src/cli/target.ts';

describe('parseTarget()', () => {
  it('reads a sandbox, or a container in one', () => {
    expect(parseTarget('web')).toEqual({ sandbox: 'web', container: undefined });
    expect(parseTarget('web/a.1')).toEqual({ sandbox: 'web', container: 'a.1' });
  });

  it.each(['', '/a', 'web/', 'a/b/c', '../x', 'web/..'])('refuses %j', (text) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  });
});

describe('containerTarget()', () => {
  it('finds nothing in a sandbox that is not there', () => {
    expect(() => containerTarget('no-such-sandbox-here')).toThrow(expect.objectContaining({ code: 'ERR_NOT_FOUND' }));
  });
});

describe('firstOf()', () => {
  it('takes numbers by their value', () => {
    expect(firstOf(['web-10', 'web-2'])).toBe('web-2');
    expect(firstOf([])).toBeUndefined();
  });
});
