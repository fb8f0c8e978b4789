import { describe, expect, it } from 'vitest';
import { seconds, table } from '../../../src/cli/table.ts';

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
