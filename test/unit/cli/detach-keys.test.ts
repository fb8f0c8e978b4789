import { describe, expect, it } from 'vitest';
import { DetachKeys } from '../../../src/cli/detach-keys.ts';

const [P, Q] = ['\x10', '\x11'];

function feed(...chunks: string[]): [string, boolean] {
  const keys = new DetachKeys();
  let passed = '';
  for (const chunk of chunks) {
    const { bytes, detached } = keys.feed(Buffer.from(chunk));
    passed += bytes.toString();
    if (detached) return [passed, true];
  }
  return [passed, false];
}

describe('DetachKeys', () => {
  it.each([
    [['abc'], 'abc', false],
    [[`ab${P}${Q}cd`], 'ab', true],
    [['a', P, Q], 'a', true],
    [[P, 'x'], `${P}x`, false],
    [[`${P}${P}${Q}`], P, true],
    [[Q], Q, false],
    [[P], '', false],
  ])('of %j passes %j on', (chunks, passed, detached) => {
    expect(feed(...chunks)).toEqual([passed, detached]);
  });
});
