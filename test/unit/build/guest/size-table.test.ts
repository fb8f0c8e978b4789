import { describe, expect, it } from 'vitest';
import { sizeTable } from '../../../../build/guest/size-table.ts';

describe('sizeTable', () => {
  it('aligns its columns, the largest first', () => {
    expect(
      sizeTable([
        { name: 'b', files: 12, bytes: 1024 * 1024 },
        { name: 'long name', files: 1, bytes: 150 * 1024 * 1024 },
      ]),
    ).toEqual(['  long name   150.00 MiB    1 file ', '  b             1.00 MiB   12 files']);
  });
});
