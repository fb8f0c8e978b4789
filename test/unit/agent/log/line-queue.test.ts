import { describe, expect, it } from 'vitest';
import { LineQueue } from '../../../../src/agent/log/line-queue.ts';

function take(queue: LineQueue): string {
  let all = '';
  for (let head = queue.head(); head !== undefined; head = queue.head()) {
    all += head.toString();
    queue.consume(head.length);
  }
  return all;
}

describe('LineQueue', () => {
  it('gives lines in order, in whatever pieces they are taken', () => {
    const queue = new LineQueue(String, 100);
    queue.push('first\n');
    queue.push('second\n');
    queue.consume(2);
    expect(queue.head()?.toString()).toBe('rst\n');
    queue.consume(4);
    expect(take(queue)).toBe('second\n');
    expect(queue.isEmpty).toBe(true);
  });

  it('drops whole lines beyond its room and says how many when there is room again', () => {
    const queue = new LineQueue((dropped) => `[${dropped}]`, 10);
    queue.push('12345678\n');
    queue.push('lost\n');
    queue.push('lost too\n');
    expect(queue.dropped).toBe(2);
    expect(take(queue)).toBe('12345678\n');
    queue.push('new\n');
    expect(take(queue)).toBe('[2]new\n');
    expect(queue.dropped).toBe(0);
  });

  it('goes on counting while the notice and the line do not both fit', () => {
    const queue = new LineQueue((dropped) => `[${dropped}]`, 10);
    queue.push('1234567\n');
    queue.push('abc\n');
    queue.push('d\n');
    expect(queue.dropped).toBe(2);
    expect(take(queue)).toBe('1234567\n');
  });

  it('counts the room of bytes that were partly taken', () => {
    const queue = new LineQueue(String, 10);
    queue.push('12345678\n');
    queue.consume(5);
    queue.push('abcde\n');
    expect(queue.dropped).toBe(0);
    expect(take(queue)).toBe('678\nabcde\n');
  });

  it('never takes a line that is larger than itself', () => {
    const queue = new LineQueue(String, 4);
    queue.push('12345\n');
    expect([queue.isEmpty, queue.dropped]).toEqual([true, 1]);
  });
});
