import { describe, expect, it } from 'vitest';
import { makeLog } from '../../../src/vmm/log.ts';

function lines(verbosity: number): { written: string[]; system: string[] } {
  const written: string[] = [];
  const system: string[] = [];
  const log = makeLog(
    (line) => written.push(line),
    (level, text) => system.push(`${level} ${text}`),
    verbosity,
  );
  log.error('lost');
  log.warn('emulated');
  log.debug('asked');
  return { written, system };
}

describe('makeLog()', () => {
  const prefix = `kata-vmm[${process.pid}]`;

  it('says what matters to the system as well, which keeps it where nobody reads standard error', () => {
    const { written, system } = lines(0);
    expect(written).toEqual([`${prefix} error: lost\n`, `${prefix} warning: emulated\n`]);
    expect(system).toEqual([`error ${prefix} lost`, `warning ${prefix} emulated`]);
  });

  it('keeps the rest to standard error, where it is asked for', () => {
    const { written, system } = lines(1);
    expect(written.at(-1)).toBe(`${prefix} debug: asked\n`);
    expect(system).toHaveLength(2);
  });
});
