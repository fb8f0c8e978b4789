import { describe, expect, it } from 'vitest';
import { checkShape, type Shape } from '../../../../src/host/kata-config/shape.ts';

const NUMBER: Shape = { kind: 'integer', min: 1, max: 3 };

describe('checkShape()', () => {
  it.each([
    [NUMBER, 3n, undefined],
    [NUMBER, 3, '3 is not a whole number from 1 to 3'],
    [NUMBER, 3.5, '3.5 is not a whole number from 1 to 3'],
    [NUMBER, 4n, '4 is not a whole number from 1 to 3'],
    [NUMBER, '3', '"3" is not a whole number from 1 to 3'],
    [{ kind: 'number', min: 0, max: Number.POSITIVE_INFINITY }, 0.5, undefined],
    [{ kind: 'number', min: 0, max: Number.POSITIVE_INFINITY }, -1n, '-1 is not a number from 0'],
    [{ kind: 'nullable', of: NUMBER }, null, undefined],
    [{ kind: 'nullable', of: NUMBER }, true, 'true is not a whole number from 1 to 3'],
    [{ kind: 'list', of: NUMBER }, {}, 'a table is not a list'],
    [{ kind: 'map', of: NUMBER }, [], '[] is not a table'],
    [{ kind: 'record', fields: {} }, 'x', '"x" is not a table'],
    [{ kind: 'text' }, new Date(0), '"1970-01-01T00:00:00.000Z" is not a text'],
    [{ kind: 'record', fields: {} }, new Date(0), '"1970-01-01T00:00:00.000Z" is not a table'],
  ] as const)('of %j looks at %s', (shape, value, wanted) => {
    expect(checkShape(shape, value)).toEqual(wanted === undefined ? [] : [{ kind: 'wrong', path: [], text: wanted }]);
  });

  it('takes no key from what every object has', () => {
    const shape: Shape = { kind: 'record', fields: {} };
    expect(checkShape(shape, JSON.parse('{"constructor":1,"toString":2}')).map(({ path }) => path)).toEqual([
      ['constructor'],
      ['toString'],
    ]);
    const asked: Shape = { kind: 'record', fields: { constructor: { shape: NUMBER, required: true } } };
    expect(checkShape(asked, {})).toEqual([{ kind: 'missing', path: ['constructor'], text: 'it must be there' }]);
  });

  it('tells of a gap only for a value that fits', () => {
    const shape: Shape = {
      kind: 'record',
      fields: { a: { shape: NUMBER, gap: () => 'not built', note: () => 'well' } },
    };
    expect(checkShape(shape, { a: 1n }).map(({ kind, text }) => [kind, text])).toEqual([
      ['not-served', '1: not built'],
      ['note', '1: well'],
    ]);
    expect(checkShape(shape, { a: 9n }).map(({ kind }) => kind)).toEqual(['wrong']);
  });
});
