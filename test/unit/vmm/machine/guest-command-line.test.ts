import { describe, expect, it } from 'vitest';
import { guestCommandLine } from '../../../../src/vmm/machine/guest-command-line.ts';

const RECORDED = 'root=/dev/pmem0p1 panic=1 no_timer_check noreplace-smp quiet';

describe('guestCommandLine()', () => {
  it("keeps the client's words, and gives a mute guest a console", () => {
    expect(guestCommandLine(RECORDED, 'kvm')).toBe(`${RECORDED} console=ttyS0 swiotlb=2048`);
    expect(guestCommandLine('console=ttyS0,115200n8  agent.log=debug', 'kvm')).toBe(
      'console=ttyS0,115200n8 agent.log=debug swiotlb=2048',
    );
  });

  it('leaves the copying of memory to the client that says something about it', () => {
    expect(guestCommandLine('console=hvc0 swiotlb=512', 'kvm')).toBe('console=hvc0 swiotlb=512');
  });

  it('adds what emulation needs, each word once', () => {
    const words = guestCommandLine(RECORDED, 'tcg').split(' ');
    expect(words).toEqual(expect.arrayContaining(['tsc=reliable', 'cryptomgr.notests']));
    expect(words.filter((word) => word === 'no_timer_check')).toHaveLength(1);
  });

  it('adds nothing to the arguments of init', () => {
    expect(guestCommandLine('quiet -- sh', 'tcg')).toBe('quiet -- sh');
  });
});
