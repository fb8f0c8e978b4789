import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { handlesSigterm, ignoresSigterm } from '../../../../src/agent/container/sigterm.ts';

const status = (blk: string, ign: string, cgt: string): string =>
  `Name:\tx\nSigPnd:\t0000000000004000\nSigBlk:\t${blk}\nSigIgn:\t${ign}\nSigCgt:\t${cgt}\n`;
const NONE = '0000000000000000';
const TERM = '0000000000004000';
const OTHERS = 'ffffffffffffbfff';

describe('handlesSigterm', () => {
  it.each([
    [NONE, NONE, NONE, false],
    [OTHERS, OTHERS, OTHERS, false],
    [TERM, NONE, NONE, true],
    [NONE, TERM, NONE, true],
    [NONE, NONE, TERM, true],
  ])('blocked %s, ignored %s, caught %s: %s', (blk, ign, cgt, expected) => {
    expect(handlesSigterm(status(blk, ign, cgt))).toBe(expected);
  });
});

describe('ignoresSigterm', () => {
  it.each([
    ['trap : TERM; echo; read x', false],
    ['echo; read x', true],
  ])('reads it of a live process: %s', async (script, expected) => {
    const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(ignoresSigterm(child.pid ?? 0)).toBe(expected);
    child.stdin.end();
    await once(child, 'exit');
    expect(ignoresSigterm(child.pid ?? 0)).toBe(false);
  });
});
