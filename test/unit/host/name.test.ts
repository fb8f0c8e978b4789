import { describe, expect, it } from 'vitest';
import { checkName, randomName } from '../../../src/host/name.ts';

describe('checkName()', () => {
  it.each(['a', 'web-1', 'A.b_c', '0', 'x'.repeat(64)])('takes %j', (name) => {
    expect(checkName('sandbox', name)).toBe(name);
  });

  it.each(['', '.', '..', '-a', 'a/b', 'a b', 'ä', 'a\n', 'a,b', 'x'.repeat(65)])('refuses %j and names it', (name) => {
    expect(() => checkName('sandbox', name)).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARGUMENT',
        message: expect.stringContaining(`sandbox name ${JSON.stringify(name)}`),
      }),
    );
  });
});

describe('randomName()', () => {
  it('gives names that are valid and differ', () => {
    const names = [randomName(), randomName()];
    for (const name of names) expect(checkName('sandbox', name)).toBe(name);
    expect(names[0]).not.toBe(names[1]);
  });
});
