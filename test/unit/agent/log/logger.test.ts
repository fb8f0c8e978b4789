import { describe, expect, it } from 'vitest';
import manifest from '../../../../package.json' with { type: 'json' };
import { fieldText } from '../../../../src/agent/log/fields.ts';
import { logLevelOf } from '../../../../src/agent/log/level.ts';
import { createLogger, type Logger } from '../../../../src/agent/log/logger.ts';
import { KataError } from '../../../../src/wire/error.ts';

function capture(level: Parameters<typeof createLogger>[1] = 'trace'): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: createLogger({ write: (line) => lines.push(line) }, level), lines };
}

describe('createLogger', () => {
  it('writes one flat line with every value a string', () => {
    const { logger, lines } = capture();
    const fields = { 'container-id': 'c1', count: 3, big: 2n ** 60n, on: true, nothing: null, list: [1, { a: 1n }] };
    logger.child({ sandbox: 7 }).info(fields, 'text\nwith a break');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^\{[^\n]*\}\n$/);
    const line = JSON.parse(lines[0] ?? '');
    expect(line).toEqual({
      msg: 'text\nwith a break',
      level: 'INFO',
      ts: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      version: manifest.version,
      subsystem: 'agent',
      pid: String(process.pid),
      name: 'kata-agent',
      source: 'agent',
      sandbox: '7',
      'container-id': 'c1',
      count: '3',
      big: '1152921504606846976',
      on: 'true',
      nothing: 'null',
      list: '[1,{"a":"1"}]',
    });
  });

  it.each([
    ['fatal', 'CRIT'],
    ['error', 'ERRO'],
    ['warn', 'WARN'],
    ['info', 'INFO'],
    ['debug', 'DEBG'],
    ['trace', 'TRCE'],
  ] as const)('calls %s %s', (method, label) => {
    const { logger, lines } = capture();
    logger[method]('x');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: label, msg: 'x' });
  });

  it('leaves out what is below its level', () => {
    const { logger, lines } = capture('warn');
    logger.info('no');
    logger.warn('yes');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['yes']);
  });

  it('takes an error in place of the fields', () => {
    const { logger, lines } = capture();
    logger.error(new KataError('ERR_SYSCALL', 'mount /x: EIO'));
    const line = JSON.parse(lines[0] ?? '');
    expect(Object.values(line).every((value) => typeof value === 'string')).toBe(true);
    expect(line.msg).toBe('mount /x: EIO');
  });
});

describe('fieldText', () => {
  it('tells code, message and causes of an error', () => {
    const cause = Object.assign(new Error('read failed'), { code: 'EIO' });
    const text = fieldText(new KataError('ERR_COMMAND', 'crun failed', { cause }));
    expect(text).toBe('ERR_COMMAND: crun failed\ncaused by ERR_SYSCALL: read failed');
  });

  it('shows where an unforeseen error came from', () => {
    expect(fieldText(new TypeError('x is not a function'))).toMatch(/^ERR_INTERNAL: x is not a function\n.*at /s);
  });

  it('does not fail on a cycle, and cuts what is too long', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(fieldText(cycle)).toBe('[object Object]');
    expect(fieldText('x'.repeat(10_000))).toBe(`${'x'.repeat(8_192)}... (10000 characters)`);
  });
});

describe('logLevelOf', () => {
  it('knows no other word', () => {
    expect(['INFO', '', 'verbose', 'information'].map(logLevelOf)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
