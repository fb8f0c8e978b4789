/** What cannot be executed is refused with a reason, at once, and leaves nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { describeBothWays } from '../support/both-ways.ts';
import { type ExecOptions, execIn } from '../support/exec.ts';
import { flatOf, guestState, settledState } from '../support/guest-state.ts';
import { countFor, report, secondsSince } from '../support/soak.ts';

const directory = mkdtempSync(join(tmpdir(), 'kata-failures-'));
writeFileSync(join(directory, 'text'), 'echo hi\n', { mode: 0o755 });
writeFileSync(join(directory, 'lost'), '#!/no/such/shell\n', { mode: 0o755 });
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const CASES: readonly [string, Omit<ExecOptions, 'streams'>, RegExp][] = [
  ['a missing command', { command: ['no-such-command'] }, /no-such-command.*not found|not found.*no-such-command/i],
  ['a missing path', { command: ['/no/such/command'] }, /\/no\/such\/command/],
  ['a missing directory', { command: ['true'], cwd: '/no/such/directory' }, /\/no\/such\/directory/],
  ['a file as directory', { command: ['true'], cwd: '/etc/passwd' }, /\/etc\/passwd/],
  ['an unknown user', { command: ['true'], user: 'nobody-knows' }, /nobody-knows/],
  ['an unknown group', { command: ['true'], user: 'root:nobody-knows' }, /nobody-knows/],
  ['what is not executable', { command: ['/etc/passwd'] }, /\/etc\/passwd/],
  ['a directory', { command: ['/etc'] }, /\/etc/],
  ['a script without an interpreter line', { command: ['/data/text'] }, /\/data\/text/],
  ['a script whose interpreter is missing', { command: ['/data/lost'] }, /\/data\/lost/],
  ['an argument that is too long', { command: ['true', 'x'.repeat(131_072)] }, /E2BIG|too long/i],
];

describeBothWays(
  'failures',
  (guest, way) => {
    it.each(CASES)('refuses %s', async (_, options, reason) => {
      for (const streams of ['unary', 'passfd'] as const) {
        await expect(guest().container.exec({ ...options, streams })).rejects.toMatchObject({
          code: 'ERR_INTERNAL',
          message: expect.stringMatching(reason),
        });
      }
    });

    it('has nothing left of what it refused', async () => {
      const { sandbox, container } = guest();
      const before = await guestState(sandbox.vsock);
      const times = countFor(way, 1, 100);
      const began = performance.now();
      for (let turn = 0; turn < times; turn += 1) {
        for (const [, options] of CASES) await expect(container.exec(options)).rejects.toThrow();
      }
      const took = secondsSince(began);
      const after = await settledState(sandbox.vsock, before);
      expect(flatOf(after)).toEqual({ ...flatOf(before), zombies: 0 });
      expect((await execIn(container, ['echo', 'alive'])).stdout.toString()).toBe('alive\n');
      report({ subject: 'execs that are refused', way, count: times * CASES.length, result: `nothing left, ${took}` });
    });
  },
  () => ({ volumes: [{ source: directory, destination: '/data', readOnly: true }] }),
);
