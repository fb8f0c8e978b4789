import { describe, expect, it } from 'vitest';
import { parseArguments } from '../../../src/agent/arguments.ts';

describe('parseArguments', () => {
  it.each([
    [[], { kind: 'serve', configFile: undefined }],
    [['-v'], { kind: 'version' }],
    [['--version'], { kind: 'version' }],
    [['-c', '/a'], { kind: 'serve', configFile: '/a' }],
    [['--config=/a'], { kind: 'serve', configFile: '/a' }],
  ])('%j', (args, expected) => {
    expect(parseArguments(args, false)).toEqual(expected);
  });

  it.each([[['--nope']], [['word']], [['-c']]])('refuses %j', (args) => {
    expect(() => parseArguments(args, false)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  });

  it('ignores as PID 1 what the kernel passes on from its command line', () => {
    const serve = { kind: 'serve', configFile: undefined };
    expect(parseArguments(['splash', '--x', '-z', 'a=b'], true)).toEqual(serve);
  });
});
