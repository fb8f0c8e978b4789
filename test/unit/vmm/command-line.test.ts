import { describe, expect, it } from 'vitest';
import { parseCommandLine } from '../../../src/vmm/command-line.ts';

describe('parseCommandLine()', () => {
  it.each([
    [['--api-socket', '/r/api.sock'], 0],
    [['--api-socket', '/r/api.sock', '-v'], 1],
    [['--api-socket', '/r/api.sock', '-vv', '--seccomp', 'false'], 2],
    [['--api-socket=/r/api.sock', '--seccomp=false'], 0],
    [['-v', '--api-socket', 'path=/r/api.sock', '-v'], 2],
  ])('takes %j', (argv, verbosity) => {
    expect(parseCommandLine(argv)).toEqual({ is: 'serve', apiSocket: '/r/api.sock', verbosity });
  });

  it.each([[['--version']], [['-V']]])('tells its version for %j', (argv) => {
    expect(parseCommandLine(argv)).toEqual({ is: 'version' });
  });

  it.each([
    [[], '--api-socket PATH is missing'],
    [['--api-socket'], '--api-socket has no value'],
    [['--api-socket', 'relative.sock'], '"relative.sock" is not an absolute path'],
    [['--api-socket', '/a', '--kernel', '/k'], 'unknown argument "--kernel"'],
  ])('refuses %j', (argv, message) => {
    expect(() => parseCommandLine(argv)).toThrow(message);
  });
});
