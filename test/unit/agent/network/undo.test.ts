import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { allOrNone } from '../../../../src/agent/network/undo.ts';

describe('allOrNone', () => {
  it('takes nothing back where all went well', () => {
    const taken: string[] = [];
    const logger = createLogger({ write: () => {} }, 'fatal');
    expect(allOrNone(logger, (undo) => undo.push(() => taken.push('one')))).toBeUndefined();
    expect(taken).toEqual([]);
  });

  it('takes all back, the last first, and goes on where that fails', () => {
    const taken: string[] = [];
    const lines: string[] = [];
    const logger = createLogger({ write: (line: string) => void lines.push(line) }, 'warn');
    const work = () =>
      allOrNone(logger, (undo) => {
        undo.push(() => taken.push('one'));
        undo.push(() => {
          throw new Error('stuck');
        });
        undo.push(() => taken.push('three'));
        throw new Error('refused');
      });
    expect(work).toThrow('refused');
    expect(taken).toEqual(['three', 'one']);
    expect(lines.join('')).toContain('stuck');
  });
});
