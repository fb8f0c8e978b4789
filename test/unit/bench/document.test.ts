import { describe, expect, it } from 'vitest';
import { markdownTable, withSection } from '../../../bench/support/document.ts';

describe('withSection', () => {
  it('adds a section that is new', () => {
    expect(withSection('# Title\n', 'boot', '## boot\n')).toBe(
      '# Title\n\n<!-- bench boot -->\n## boot\n<!-- end of bench boot -->\n',
    );
  });

  it('replaces its own and leaves the others', () => {
    const both = withSection(withSection('# Title\n', 'boot', 'old'), 'exec', 'other');
    expect(withSection(both, 'boot', 'new')).toBe(both.replace('old', 'new'));
  });
});

describe('markdownTable', () => {
  it('makes columns as wide as their texts', () => {
    expect(
      markdownTable(
        ['what', 'ms'],
        [
          ['longer name', '5'],
          ['b', '12345'],
        ],
      ),
    ).toBe(
      ['| what        |    ms |', '| ----------- | ----: |', '| longer name |     5 |', '| b           | 12345 |'].join(
        '\n',
      ),
    );
  });
});
