import { describe, expect, it } from 'vitest';
import { killSession, liveSession } from '../../../../src/agent/debug-console/session-processes.ts';

describe('liveSession', () => {
  it.each([
    ['7 (sh) S 1 7 5 34816 9 4194560', 5],
    ['7 (a) S 2 b) R 1 7 5 0 -1', 5],
    ['7 (sh) Z 1 7 5 0 -1', undefined],
    ['7 (sh) X 1 7 5 0 -1', undefined],
  ])('%s', (stat, session) => {
    expect(liveSession(stat)).toBe(session);
  });
});

describe('killSession', () => {
  it('is done at once where nobody is in it', async () => {
    expect(await killSession(2 ** 22 + 1)).toBe(true);
  });
});
