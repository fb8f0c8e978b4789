import { describe, expect, it } from 'vitest';
import { capabilityBits } from '../../../../src/agent/exec/capability-bits.ts';
import type { ExecCapabilities } from '../../../../src/agent/exec/starter.ts';

const NONE: ExecCapabilities = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };
const CHOWN = ['CAP_CHOWN'];
const LAST = ['CAP_CHECKPOINT_RESTORE'];

describe('capabilityBits', () => {
  it('numbers capabilities as the kernel does', () => {
    expect(capabilityBits({ ...NONE, bounding: [...CHOWN, 'CAP_SYS_ADMIN', ...LAST] })).toEqual({
      bounding: (1n << 0n) | (1n << 21n) | (1n << 40n),
      inheritable: 0n,
      ambient: 0n,
    });
  });

  it('leaves out an ambient capability that is not permitted and inheritable', () => {
    const all = { ...NONE, bounding: CHOWN, permitted: CHOWN, inheritable: CHOWN, ambient: [...CHOWN, ...LAST] };
    expect(capabilityBits(all)?.ambient).toBe(1n);
    expect(capabilityBits({ ...all, inheritable: [] })?.ambient).toBe(0n);
    expect(capabilityBits({ ...all, permitted: [] })?.ambient).toBe(0n);
  });

  it.each([
    ['an unknown name', { ...NONE, bounding: ['CAP_NEW'] }],
    ['an unknown ambient name', { ...NONE, ambient: ['CHOWN'] }],
    ['an effective one that is not permitted', { ...NONE, effective: CHOWN }],
    ['an inheritable one outside the bounding set', { ...NONE, inheritable: CHOWN }],
  ])('leaves %s to the runtime', (_what, sets) => {
    expect(capabilityBits(sets)).toBeUndefined();
  });
});
