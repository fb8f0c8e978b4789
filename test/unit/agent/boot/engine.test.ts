import { describe, expect, it } from 'vitest';
import { tuneEngine } from '../../../../src/agent/boot/engine.ts';

const EMULATED = 'processor\t: 0\nmodel name\t: QEMU TCG CPU version 2.5+\n';
const VIRTUAL = 'processor\t: 0\nmodel name\t: QEMU Virtual CPU version 2.5+\n';

/** What is asked of V8 on a machine with that /proc/cpuinfo. */
function flagsOn(cpuinfo: string): { readonly flags: readonly string[]; readonly isEmulated: boolean } {
  const flags: string[] = [];
  const isEmulated = tuneEngine(cpuinfo, (flag) => flags.push(flag));
  return { flags, isEmulated };
}

describe('the engine', () => {
  it('interprets on an emulated processor', () => {
    expect(flagsOn(EMULATED)).toEqual({ flags: ['--no-opt', '--no-maglev', '--no-sparkplug'], isEmulated: true });
  });

  it('is left as it is on a real one', () => {
    expect(flagsOn(VIRTUAL)).toEqual({ flags: [], isEmulated: false });
  });
});
