/** Nothing of a sandbox stays on the host, however it ends. */
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { RUN_ROOT, SHARE_ROOT } from '../../src/host/paths.ts';
import { processesNaming } from '../../src/host/process-list.ts';
import { Sandbox } from '../../src/host/sandbox.ts';
import { StateDirectory } from '../../src/host/state/state-dir.ts';
import { type CliRun, cli, startCli } from './support/cli.ts';
import { leftoversAfterGuardian, leftoversOf, unbornStates } from './support/leftovers.ts';
import { shellIn } from './support/sandbox.ts';

let runs: CliRun[] = [];
afterEach(async () => {
  for (const run of runs) run.child.kill('SIGKILL');
  await Promise.all(runs.map((run) => run.ended));
  runs = [];
  expect(unbornStates()).toEqual([]);
});

/** Starts a container that would run for a long time, and waits for a phase of it. */
async function startLong(id: string, phase: string): Promise<CliRun> {
  const run = startCli(['run', '--verbose', '--name', id, '--', 'sleep', '10000']);
  runs.push(run);
  await run.stderrHas(`] ${phase}`);
  return run;
}

function pidOf(id: string, name: 'qemu' | 'virtiofsd' | 'guardian'): number {
  const pid = new StateDirectory(RUN_ROOT, id).pid(name);
  if (pid === undefined) throw new Error(`${name} of ${id} has no recorded pid`);
  return pid;
}

describe('a signal', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s ends a running container, and everything is taken back', async (signal, status) => {
    const id = `test-${signal.toLowerCase()}`;
    const run = await startLong(id, 'container started');
    expect(leftoversOf(id)).not.toEqual([]);
    run.child.kill(signal);
    expect((await run.ended).code).toBe(status);
    expect(leftoversOf(id)).toEqual([]);
  });

  it('ends a boot', async () => {
    const run = await startLong('test-int-boot', 'machine started');
    run.child.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
    expect(leftoversOf('test-int-boot')).toEqual([]);
  });

  it('that comes twice ends it at once, even where the machine hangs', async () => {
    const id = 'test-int-twice';
    const run = await startLong(id, 'container started');
    process.kill(pidOf(id, 'qemu'), 'SIGSTOP');
    run.child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(run.child.exitCode).toBeNull();
    run.child.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
    expect(await leftoversAfterGuardian(id)).toEqual([]);
  });
});

describe('SIGKILL of the harness', () => {
  it.each(['machine started', 'container started'])('leaves nothing when it comes after "%s"', async (phase) => {
    const id = `test-kill-${phase.split(' ')[0]}`;
    const run = await startLong(id, phase);
    expect(processesNaming(`${RUN_ROOT}/${id}`).length).toBeGreaterThan(0);
    run.child.kill('SIGKILL');
    expect((await run.ended).signal).toBe('SIGKILL');
    expect(await leftoversAfterGuardian(id)).toEqual([]);
  });

  it('leaves nothing where virtiofsd and QEMU are stopped', async () => {
    const id = 'test-kill-stopped';
    const run = await startLong(id, 'container started');
    for (const name of ['qemu', 'virtiofsd'] as const) process.kill(-pidOf(id, name), 'SIGSTOP');
    run.child.kill('SIGKILL');
    await run.ended;
    expect(await leftoversAfterGuardian(id)).toEqual([]);
  });

  it('and of the guardian too ends the processes at once, and the next start takes back the rest', async () => {
    const id = 'test-kill-both';
    const run = await startLong(id, 'container started');
    const pids = [pidOf(id, 'qemu'), pidOf(id, 'virtiofsd')];
    process.kill(pidOf(id, 'guardian'), 'SIGKILL');
    run.child.kill('SIGKILL');
    await run.ended;
    await expect.poll(() => processesNaming(`/${id}/`).filter(({ pid }) => pids.includes(pid))).toEqual([]);
    expect(existsSync(`${SHARE_ROOT}/${id}`)).toBe(true);
    const next = await cli('run', '--name', id, '--', 'echo', 'again');
    expect([next.code, next.stdout.toString()]).toEqual([0, 'again\n']);
    expect(leftoversOf(id)).toEqual([]);
  });
});

describe('a clean-up that fails', () => {
  it('is a failure of our own, whatever the command said, and the next start makes up for it', async () => {
    const id = 'test-no-guardian';
    const run = startCli(['run', '--verbose', '--name', id, '--', 'sleep', '3']);
    runs.push(run);
    await run.stderrHas('] container started');
    process.kill(pidOf(id, 'guardian'), 'SIGKILL');
    const { code, stderr } = await run.ended;
    expect(stderr).toMatch(/clean-up of the sandbox failed/);
    expect(code).toBe(125);
    expect((await cli('run', '--', 'true')).code).toBe(0);
    expect(leftoversOf(id)).toEqual([]);
  });
});

describe('a machine that fails', () => {
  it('by a crash of QEMU ends the run with 125 and the reason', async () => {
    const id = 'test-crash';
    const run = await startLong(id, 'container started');
    process.kill(pidOf(id, 'qemu'), 'SIGKILL');
    const { code, stderr } = await run.ended;
    expect(code).toBe(125);
    expect(stderr).toMatch(/sandbox test-crash is lost: QEMU ended \(signal SIGKILL\)/);
    expect(leftoversOf(id)).toEqual([]);
  });

  it('by a crash of virtiofsd does so too', async () => {
    const id = 'test-crash-fs';
    const run = await startLong(id, 'container started');
    process.kill(pidOf(id, 'virtiofsd'), 'SIGKILL');
    const { code, stderr } = await run.ended;
    expect(code).toBe(125);
    expect(stderr).toMatch(/sandbox test-crash-fs is lost/);
    expect(leftoversOf(id)).toEqual([]);
  });

  it('because its guest stops answering ends the run with 125 and the reason', async () => {
    const id = 'test-silent';
    const run = await startLong(id, 'container started');
    process.kill(pidOf(id, 'qemu'), 'SIGSTOP');
    const { code, stderr } = await run.ended;
    expect(code).toBe(125);
    expect(stderr).toMatch(/sandbox test-silent is lost: the agent does not answer/);
    expect(leftoversOf(id)).toEqual([]);
  });

  it('because its guest never answers is given up, with what it said last', async () => {
    const id = 'test-mute';
    const kernelParameters = ['init=/bin/busybox', '--', 'sleep', '10000'];
    await expect(Sandbox.boot({ id, kernelParameters, bootTimeoutMs: 10_000 })).rejects.toMatchObject({
      code: 'ERR_BOOT',
      message: expect.stringMatching(/^the agent did not answer within 10 s/),
    });
    expect(leftoversOf(id)).toEqual([]);
  });

  it('because it has no root says so in its last lines, without waiting for the limit', async () => {
    const id = 'test-no-root';
    const started = performance.now();
    await expect(
      Sandbox.boot({ id, kernelParameters: ['root=/dev/nothing'], bootTimeoutMs: 110_000 }),
    ).rejects.toMatchObject({
      code: 'ERR_BOOT',
      message: expect.stringMatching(/guest console: .*\/dev\/nothing/),
    });
    expect(performance.now() - started).toBeLessThan(100_000);
    expect(leftoversOf(id)).toEqual([]);
  });
});

describe('a sandbox of the library', () => {
  it('whose guest powers itself off, as another client of its agent asked, is lost, and not by a fault of virtiofsd', async () => {
    const id = 'test-power-off';
    const sandbox = await Sandbox.boot({ id });
    await sandbox.calls.agent.DestroySandbox({});
    const { code, message } = await sandbox.lost;
    expect(code).toBe('ERR_UNAVAILABLE');
    // Which of the two shows first depends on how long the guest takes to power off.
    expect(message).toMatch(/is lost: (QEMU ended \(exit status 0\)|the connection to the agent has ended)/);
    await sandbox.stop();
    expect(leftoversOf(id)).toEqual([]);
  });

  it('is stopped with a container in it, twice, and its name is taken until then', async () => {
    const id = 'test-library';
    const sandbox = await Sandbox.boot({ id });
    await expect(Sandbox.boot({ id })).rejects.toMatchObject({ code: 'ERR_ALREADY_EXISTS' });
    const running = shellIn(sandbox, 'sleep 10000');
    const ended = expect(running).rejects.toThrow();
    await expect.poll(() => sandbox.timeline.at('container started'), { timeout: 60_000 }).toBeDefined();
    await Promise.all([sandbox.stop(), sandbox.stop(), ended]);
    expect(leftoversOf(id)).toEqual([]);
  });
});
