import { describe, expect, it } from 'vitest';
import { LogTail } from '../../../../src/host/keeper/log-tail.ts';

function tailOf(count: number, ...pieces: readonly string[]): string {
  const tail = new LogTail(count);
  for (const piece of pieces) tail.push('stdout', Buffer.from(piece));
  return tail
    .take()
    .map(({ bytes }) => bytes.toString())
    .join('');
}

describe('LogTail', () => {
  it.each([
    [2, ['a\nb\nc\n'], 'b\nc\n'],
    [2, ['a\nb\n', 'c'], 'b\nc'],
    [1, ['a\nb\n', 'c', 'd'], 'cd'],
    [1, ['a\nlong ', 'line\n'], 'long line\n'],
    [5, ['a\nb\n'], 'a\nb\n'],
    [0, ['a\nb'], ''],
    [1, [], ''],
  ])('keeps the last %i lines of %j', (count, pieces, kept) => {
    expect(tailOf(count, ...pieces)).toBe(kept);
  });

  it('counts the lines of both streams, and keeps which is which', () => {
    const tail = new LogTail(2);
    tail.push('stdout', Buffer.from('a\nb\n'));
    tail.push('stderr', Buffer.from('c\n'));
    expect(tail.take().map(({ kind, bytes }) => `${kind} ${bytes}`)).toEqual(['stdout b\n', 'stderr c\n']);
    expect(tail.take()).toEqual([]);
  });
});
