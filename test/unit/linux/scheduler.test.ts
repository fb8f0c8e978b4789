import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { goFirst, yieldProcessor } from '../../../src/linux/scheduler.ts';

const SCHED_FIFO = '1';
const SCHED_OTHER = '0';
/** Index of the policy among what follows the name in /proc/<pid>/stat; proc_pid_stat(5), field 41. */
const POLICY = 38;

function policyOf(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[POLICY];
}

it('puts a process first, and not its children', async () => {
  const child = spawn('sh', ['-c', 'read line; sleep 100 & echo $!; wait'], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(child, 'spawn');
    goFirst(child.pid ?? 0);
    expect(policyOf(child.pid ?? 0)).toBe(SCHED_FIFO);
    child.stdin.end('\n');
    const [text] = await once(child.stdout, 'data');
    const grandchild = Number(`${text}`);
    expect(policyOf(grandchild)).toBe(SCHED_OTHER);
    process.kill(grandchild);
  } finally {
    child.kill('SIGKILL');
  }
});

it('names the call that fails', () => {
  expect(() => goFirst(2 ** 30)).toThrow('sched_setscheduler 1073741824: ESRCH');
});

it('comes back after it has let others run', () => {
  yieldProcessor();
  expect(policyOf(process.pid)).toBe(SCHED_OTHER);
});
