import { describe, expect, it } from 'vitest';
import { posixSpawn } from '../../../src/linux/spawn.ts';
import { decodeStatus, type ExitStatus, exitCode, waitAny } from '../../../src/linux/wait.ts';

function shell(script: string): number {
  return posixSpawn({ path: '/bin/sh', argv: ['sh', '-c', script], env: [], stdio: [0, 1, 2] });
}

async function collect(pid: number): Promise<ExitStatus> {
  for (;;) {
    const ended = waitAny();
    if (ended?.pid === pid) return ended.status;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('decodeStatus and exitCode', () => {
  it.each([
    [0x0000, { kind: 'exited', code: 0 }, 0],
    [0x0700, { kind: 'exited', code: 7 }, 7],
    [0xff00, { kind: 'exited', code: 255 }, 255],
    [0x0009, { kind: 'signaled', signal: 9 }, 137],
    [0x000f, { kind: 'signaled', signal: 15 }, 143],
    [0x008b, { kind: 'signaled', signal: 11 }, 139],
  ] as const)('status word 0x%s', (word, status, code) => {
    expect(decodeStatus(word)).toEqual(status);
    expect(exitCode(status)).toBe(code);
  });
});

describe('waitAny', () => {
  it('has nothing where there is no child', () => {
    expect(waitAny()).toBeUndefined();
  });

  it('has nothing while the child runs, then its status once', async () => {
    const pid = shell('kill -STOP $$; exit 3');
    expect(waitAny()).toBeUndefined();
    process.kill(pid, 'SIGCONT');
    // The stop may come after the continue: asked again until it has ended.
    const again = setInterval(() => process.kill(pid, 'SIGCONT'), 20);
    expect(await collect(pid)).toEqual({ kind: 'exited', code: 3 });
    clearInterval(again);
    expect(waitAny()).toBeUndefined();
  });

  it('tells the signal that ended a child', async () => {
    expect(await collect(shell('kill -TERM $$'))).toEqual({ kind: 'signaled', signal: 15 });
  });
});
