import { describe, expect, it } from 'vitest';
import { provesGuest } from '../../../src/host/accelerator.ts';

describe('provesGuest()', () => {
  it('believes a line of its own, not one that has the word among others', () => {
    expect(provesGuest('[ 0.0] Command line: panic=-1 kvm-runs-a-guest\r\n')).toBe(false);
    expect(provesGuest('[ 0.0] Linux\r\nkvm-runs-a-guest\r\n')).toBe(true);
    expect(provesGuest('')).toBe(false);
  });
});
