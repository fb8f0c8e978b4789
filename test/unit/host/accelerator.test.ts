import { describe, expect, it } from 'vitest';
import { provesGuest } from '../../../src/host/accelerator.ts';

describe('provesGuest()', () => {
  it('believes a line of the guest, not the kernel that repeats its command line', () => {
    expect(provesGuest('[ 0.0] Command line: panic=-1 -- echo kvm-runs-a-guest\r\n')).toBe(false);
    expect(provesGuest('[ 0.0] Linux\r\nkvm-runs-a-guest\r\n')).toBe(true);
    expect(provesGuest('')).toBe(false);
  });
});
