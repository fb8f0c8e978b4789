import { describe, expect, it } from 'vitest';
import { cacheRoot } from '../../../src/host/paths.ts';

describe('cacheRoot()', () => {
  it.each([
    [{ KATA_SANDBOX_CACHE: '/own', XDG_CACHE_HOME: '/xdg' }, '/own'],
    [{ KATA_SANDBOX_CACHE: '', XDG_CACHE_HOME: '/xdg' }, '/xdg/kata-agent-ts'],
  ])('takes the first of %j', (env, path) => {
    expect(cacheRoot(env)).toBe(path);
  });

  it('lies below the home directory otherwise', () => {
    expect(cacheRoot({})).toMatch(/\/\.cache\/kata-agent-ts$/);
  });
});
