import { describe, expect, it } from 'vitest';
import { isAlive, parseOwner, self, startTicksOf } from '../../../../src/host/state/owner.ts';

describe('startTicksOf()', () => {
  it('counts fields from the last bracket, whatever the name holds', () => {
    const fields = Array.from({ length: 50 }, (_, index) => String(index + 3));
    expect(startTicksOf(`42 (a) b) (c) ${fields.join(' ')}`)).toBe('22');
  });
});

describe('isAlive()', () => {
  it('knows this process', () => {
    expect(isAlive(self())).toBe(true);
  });

  it('does not take another process with the same pid, or another boot, for it', () => {
    expect(isAlive({ ...self(), startTicks: '1' })).toBe(false);
    expect(isAlive({ ...self(), bootId: 'other' })).toBe(false);
    expect(isAlive({ ...self(), pid: 2 ** 22 + 1 })).toBe(false);
  });
});

describe('parseOwner()', () => {
  it('reads what was written', () => {
    expect(parseOwner(JSON.stringify(self()))).toEqual(self());
  });

  it.each(['', '{', 'null', '[]', '{"pid":"1"}', '{"pid":1,"startTicks":2,"bootId":"x"}'])('refuses %j', (text) => {
    expect(parseOwner(text)).toBeUndefined();
  });
});
