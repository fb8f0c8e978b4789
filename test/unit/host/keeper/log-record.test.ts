import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeRecord, LogParser } from '../../../../src/host/keeper/log-record.ts';

const TIME = Date.UTC(2026, 0, 31, 12);

describe('a record', () => {
  it('has a line of text before its bytes', () => {
    const record = encodeRecord('stdout', Buffer.from('hello\n'), TIME);
    expect(record.toString('latin1')).toBe('2026-01-31T12:00:00.000Z stdout 6\nhello\n\n');
  });

  it('comes back exactly, in pieces of any size', () => {
    const output = [randomBytes(1000), Buffer.from('2026-01-31T12:00:00.000Z stdout 3\nabc\n'), Buffer.alloc(0)];
    const log = Buffer.concat([
      ...output.map((bytes, index) => encodeRecord(index === 1 ? 'stderr' : 'stdout', bytes, TIME)),
      encodeRecord('end', new Uint8Array(), TIME),
    ]);
    for (const size of [1, 7, 64, log.length]) {
      const parser = new LogParser();
      const records = [];
      for (let at = 0; at < log.length; at += size) records.push(...parser.feed(log.subarray(at, at + size)));
      expect(records.map(({ kind }) => kind)).toEqual(['stdout', 'stderr', 'stdout', 'end']);
      expect(records.slice(0, 3).map(({ bytes }) => bytes)).toEqual(output);
    }
  });

  it.each(['x'.repeat(100), 'time other 1\n', 'time stdout 1\nxx', 'time stdout 999999999\n', 'stdout 1\n'])(
    'is damaged: %j',
    (text) => {
      expect(() => new LogParser().feed(Buffer.from(text))).toThrow('the log is damaged');
    },
  );
});
