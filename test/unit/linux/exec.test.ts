import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const EXEC = fileURLToPath(new URL('../../../src/linux/exec.ts', import.meta.url));

/** Runs `body` in a Node of its own, with descriptor 3 open on this program; gives pid and output of what it became. */
function run(body: string): { pid: number; stdout: string; stderr: string; status: number | null } {
  const source = `import { becomeProgram } from ${JSON.stringify(EXEC)};\n${body}`;
  const args = ['--no-warnings', '--input-type=module-typescript', '-e', source];
  return spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
}

const sh = (script: string, keep: string): string =>
  `becomeProgram({ path: '/bin/sh', argv: ['name', '-c', ${JSON.stringify(script)}], env: ['A=b'], keep: ${keep} });`;

describe('becomeProgram()', () => {
  it('becomes the program, under the same pid, with the given environment', () => {
    const { pid, stdout, status } = run(sh('echo $$ $A $HOME; exit 7', '[0, 1, 2]'));
    expect(stdout).toBe(`${pid} b\n`);
    expect(status).toBe(7);
  });

  it.each([
    ['[0, 1, 2]', '0 1 2'],
    ['[0, 1, 2, 3]', '0 1 2 3'],
  ])('keeps the descriptors %s and no other', (keep, wanted) => {
    // The shell's own pattern opens nothing that lasts.
    const { stdout } = run(sh('for fd in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; :', keep));
    expect(stdout.trim().split('\n').join(' ')).toBe(wanted);
  });

  it('leaves no signal ignored', () => {
    expect(run(sh('grep SigIgn /proc/$$/status', '[0, 1, 2]')).stdout).toMatch(/SigIgn:\s0+\n/);
  });

  it('goes on where the program cannot be executed, as it was before', () => {
    const { stdout, stderr, status } = run(`
      import { readFileSync } from 'node:fs';
      const ignored = () => /SigIgn:.*/.exec(readFileSync('/proc/self/status', 'utf8'))[0];
      const before = ignored();
      try { becomeProgram({ path: '/nowhere', argv: [''], env: [], keep: [0] }); } catch (error) { console.log(error.errno); }
      try { becomeProgram({ path: '/bin/sh', argv: [''], env: [], keep: [99] }); } catch (error) { console.log(error.errno); }
      console.log(ignored() === before);`);
    expect(stderr).toBe('');
    expect(stdout).toBe('ENOENT\nEBADF\ntrue\n');
    expect(status).toBe(0);
  });
});
