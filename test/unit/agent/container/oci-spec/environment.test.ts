import { describe, expect, it } from 'vitest';
import { cleanEnvironment } from '../../../../../src/agent/container/oci-spec/environment.ts';

describe('cleanEnvironment', () => {
  it('lets the last of several entries with one name count', () => {
    expect(cleanEnvironment(['PATH=/usr/bin', 'TERM=xterm', 'PATH=/bin'], 'sh').entries).toEqual([
      'PATH=/bin',
      'TERM=xterm',
    ]);
  });

  it('trims names and values, and keeps what is inside of a value', () => {
    expect(cleanEnvironment([' A = b = c ', 'EMPTY='], '/bin/sh').entries).toEqual(['A=b = c', 'EMPTY=']);
  });

  it('drops what is no NAME=value, and never repeats it', () => {
    const { entries, warnings } = cleanEnvironment(['secret', '=secret', ' =secret', 'A=1'], './run');
    expect(entries).toEqual(['A=1']);
    expect(warnings).toHaveLength(3);
    expect(warnings.join()).not.toContain('secret');
  });

  it('adds a PATH where the program is to be looked for', () => {
    const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    expect(cleanEnvironment(['A=1'], 'sh').entries).toEqual(['A=1', path]);
    expect(cleanEnvironment(['A=1'], '/bin/sh').entries).toEqual(['A=1']);
    expect(cleanEnvironment(['PATH='], 'sh').entries).toEqual(['PATH=']);
  });
});
