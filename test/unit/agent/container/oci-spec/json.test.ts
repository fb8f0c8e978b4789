import { describe, expect, it } from 'vitest';
import { toJson } from '../../../../../src/agent/container/oci-spec/json.ts';

describe('toJson', () => {
  it('writes integers of any size exactly', () => {
    expect(toJson({ limit: 2n ** 63n - 1n, none: 2n ** 64n - 1n, least: -(2n ** 63n) })).toBe(
      '{"limit":9223372036854775807,"none":18446744073709551615,"least":-9223372036854775808}',
    );
  });

  it('agrees with JSON.stringify on everything else', () => {
    const value = { text: 'a"\\\n\u2028é😀', list: [1, true, [], {}], nested: { a: { b: false } }, 'odd "name"': '' };
    expect(JSON.parse(toJson(value))).toEqual(value);
    expect(toJson(value)).toBe(JSON.stringify(value));
  });

  it('leaves members out that are undefined', () => {
    expect(toJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });

  it.each([
    [{ process: { args: ['sh', 'a\0b'] } }, 'process.args[1]: "a\\u0000b"'],
    [{ annotations: { 'a\0b': '' } }, 'annotations.a\0b'],
  ])('refuses a NUL, at which a C program would cut the string', (value, text) => {
    expect(() => toJson(value)).toThrow(text);
  });
});
