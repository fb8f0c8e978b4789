import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ProcessorWatch } from '../../../../src/agent/process/processor-watch.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function run(script: string): Promise<number> {
  const child = spawn('sh', ['-c', `echo ready; ${script}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

describe('ProcessorWatch', () => {
  it('tells a program that wants a processor from one that waits, and from one that is stopped', async () => {
    const [busy, idle, stopped] = await Promise.all([
      run('while :; do :; done'),
      run('read x'),
      run('while :; do :; done'),
    ]);
    process.kill(stopped, 'SIGSTOP');
    await expect.poll(() => new ProcessorWatch(`/proc/${stopped}`).isStarved).toBe(false);
    const watches = [busy, idle, stopped].map((pid) => new ProcessorWatch(`/proc/${pid}`));
    await sleep(300);
    expect(watches.map(({ isStarved }) => isStarved)).toEqual([true, false, false]);
  });

  it('knows nothing of one that is not there', () => {
    expect(new ProcessorWatch('/proc/0').isStarved).toBe(false);
  });
});
