import { describe, expect, it } from 'vitest';
import { age, seconds, table } from '../../../src/cli/table.ts';

describe('table()', () => {
  it('aligns columns and leaves no blanks at the end', () => {
    expect(
      table([
        ['a', 'bb', 'c'],
        ['long', '', ''],
      ]),
    ).toEqual(['a     bb  c', 'long']);
    expect(table([])).toEqual([]);
  });
});

describe('seconds()', () => {
  it('has three digits', () => {
    expect(seconds(1234.5678)).toBe('1.235 s');
  });
});

describe('age()', () => {
  it.each([
    [-5, '0 s'],
    [999, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_600_000 * 5, '5 h'],
    [86_400_000 * 400, '400 d'],
  ])('of %i ms is %s', (ms, text) => {
    expect(age(ms)).toBe(text);
  });
});
