import { describe, expect, it } from 'vitest';
import { parseCount, parseEnv, parseKernelParameter, parseSignal, parseVolume } from '../../../src/cli/values.ts';

describe('parseCount()', () => {
  it('takes whole numbers from 1', () => {
    expect(parseCount('12')).toBe(12);
    for (const text of ['0', '-1', '1.5', '1e3', '', 'x', '9999999999']) expect(() => parseCount(text)).toThrow();
  });
});

describe('parseVolume()', () => {
  it('reads both forms and keeps those before', () => {
    const first = parseVolume('/a:/b', []);
    expect(parseVolume('rel:/c:ro', first)).toEqual([
      { source: '/a', destination: '/b', readOnly: false },
      { source: 'rel', destination: '/c', readOnly: true },
    ]);
  });

  it.each(['', '/a', ':/b', '/a:', '/a:b', '/a:/b:rx', '/a:/b:ro:x'])('refuses %j', (text) => {
    expect(() => parseVolume(text, [])).toThrow();
  });
});

describe('parseKernelParameter()', () => {
  it('takes words with and without a value, and keeps those before', () => {
    expect(parseKernelParameter('agent.exec_launcher=off', ['quiet'])).toEqual(['quiet', 'agent.exec_launcher=off']);
    for (const text of ['debug', 'A_b-c.d=', 'x=1,2:3=4']) expect(parseKernelParameter(text, [])).toEqual([text]);
  });

  it.each(['', '=1', '--', '-x', 'a b', 'a=b c', 'a="b"', 'a=b\n', 'a=ä'])('refuses %j', (text) => {
    expect(() => parseKernelParameter(text, [])).toThrow('It must be KEY or KEY=VALUE');
  });
});

describe('parseEnv()', () => {
  it('takes a value, or our own one, and keeps those before', () => {
    process.env['KATA_TEST_VALUE'] = 'v=1';
    try {
      expect(parseEnv('KATA_TEST_VALUE', ['A=1'])).toEqual(['A=1', 'KATA_TEST_VALUE=v=1']);
    } finally {
      delete process.env['KATA_TEST_VALUE'];
    }
    expect(parseEnv('KATA_TEST_VALUE', [])).toEqual([]);
    expect(parseEnv('B=', [])).toEqual(['B=']);
    expect(() => parseEnv('=x', [])).toThrow();
  });
});

describe('parseSignal()', () => {
  it.each([
    ['TERM', 15],
    ['SIGTERM', 15],
    ['sigusr1', 10],
    ['kill', 9],
    ['0', 0],
    ['64', 64],
  ])('reads %s', (text, number) => {
    expect(parseSignal(text)).toBe(number);
  });

  it.each(['', 'SIG', 'NOPE', '-1', '65', '1x'])('refuses %j', (text) => {
    expect(() => parseSignal(text)).toThrow('It must be a signal');
  });
});
