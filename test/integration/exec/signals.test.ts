/** Exit codes and signals: who gets which, and what is told of it. */
import { constants } from 'node:os';
import Long from 'long';
import { expect, it } from 'vitest';
import { collector } from '../../../src/host/output.ts';
import { describeBothWays } from '../support/both-ways.ts';
import { createRaw, execIn, type ProcessRef, rawExec, removeRaw, shellExec } from '../support/exec.ts';
import { guestOutput } from '../support/guest-shell.ts';
import { until } from '../support/in-time.ts';
import { busyboxRoot } from '../support/sandbox.ts';
import { count, countFor, report, secondsSince } from '../support/soak.ts';

const { SIGKILL, SIGTERM } = constants.signals;
/** Signals whose default is to end the process (signal(7)). SIGSTKFLT is not known to all libraries, nor are real-time ones. */
const ENDING = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31, 34, 64];
/** Those which a program can handle. */
const CATCHABLE = Array.from({ length: 31 }, (_, index) => index + 1).filter((signal) => signal !== 9 && signal !== 19);
const FEW_CODES = [0, 1, 2, 7, 125, 126, 127, 128, 129, 137, 143, 254, 255];
const ALL_CODES = Array.from({ length: 256 }, (_, code) => code);

describeBothWays('signals', (guest, way) => {
  it('tells every exit code', async () => {
    const codes = countFor(way, FEW_CODES.length, ALL_CODES.length) > FEW_CODES.length ? ALL_CODES : FEW_CODES;
    const began = performance.now();
    for (const code of codes) expect((await shellExec(guest().container, `exit ${code}`)).code).toBe(code);
    report({ subject: 'exit codes', way, count: codes.length, result: `each as it was, ${secondsSince(began)}` });
  });

  it('tells 128 + n of every signal that ends a process', async () => {
    const { agent } = guest().sandbox.calls;
    const began = performance.now();
    const started = await Promise.all(
      ENDING.map(async (signal) => ({ signal, ref: await rawExec(guest(), ['sleep', '1000']) })),
    );
    for (const { signal, ref } of started) {
      await agent.SignalProcess({ ...ref, signal: 0 });
      await agent.SignalProcess({ ...ref, signal });
      expect([signal, (await agent.WaitProcess(ref)).status]).toEqual([signal, 128 + signal]);
      await expect(agent.SignalProcess({ ...ref, signal })).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    }
    report({ subject: 'ending signals', way, count: ENDING.length, result: `128 + n each, ${secondsSince(began)}` });
  });

  it('delivers every signal that a program can handle', async () => {
    const { agent } = guest().sandbox.calls;
    const script = CATCHABLE.map((signal) => `trap 'echo got ${signal}' ${signal}`).join('; ');
    // SIGCHLD comes also when a child of the shell ends, so the loop has none.
    const ref = await rawExec(guest(), [
      'sh',
      '-c',
      `${script}; echo ready; while :; do read line && echo "$line"; done`,
    ]);
    let output = '';
    const until = async (text: string): Promise<void> => {
      while (!output.includes(text)) {
        output += Buffer.from((await agent.ReadStdout({ ...ref, len: 4096 })).data).toString();
      }
    };
    await until('ready\n');
    for (const signal of CATCHABLE) {
      await agent.SignalProcess({ ...ref, signal });
      // This shell gives a read up on some signals only; a line makes it go on in any case.
      await agent.WriteStdin({ ...ref, data: Buffer.from(`after ${signal}\n`) });
      await until(`got ${signal}\n`);
    }
    await agent.SignalProcess({ ...ref, signal: SIGKILL });
    expect((await agent.WaitProcess(ref)).status).toBe(128 + SIGKILL);
    const got = output
      .split('\n')
      .filter((line) => line.startsWith('got ') && line !== `got ${constants.signals.SIGCHLD}`);
    expect(got.toSorted()).toEqual(
      CATCHABLE.filter((signal) => signal !== constants.signals.SIGCHLD)
        .map((signal) => `got ${signal}`)
        .toSorted(),
    );
  });

  it('delivers SIGTERM to the first process exactly once where it has a handler', async () => {
    const stdout = collector();
    const script = 'trap "echo got it" TERM; touch /tmp/trap-is-set; while [ ! -e /tmp/trap-end ]; do sleep 0.1; done';
    const container = await guest().sandbox.createContainer({
      root: await busyboxRoot(),
      command: ['sh', '-c', `rm -f /tmp/trap-end; ${script}; exit 4`],
    });
    await container.start();
    const carried = container.init.carry({ stdout: stdout.sink, stderr: () => Promise.resolve() });
    const inside = async (...command: string[]): Promise<number> => (await execIn(container, command)).code;
    await until('the handler', async () => (await inside('test', '-e', '/tmp/trap-is-set')) === 0);
    await container.signal(SIGTERM);
    await until('its output', () => stdout.bytes().includes('got it'));
    expect(await inside('touch', '/tmp/trap-end')).toBe(0);
    await carried;
    expect(await container.init.wait()).toBe(4);
    expect(stdout.bytes().toString()).toBe('got it\n');
    await container.remove();
  });

  it('stops a first process without a handler by SIGTERM', async () => {
    const ref = await createRaw(guest(), { id: 'no-handler', args: ['sleep', '1000000'] });
    const { agent } = guest().sandbox.calls;
    await agent.StartContainer(ref);
    await agent.SignalProcess({ container_id: ref.container_id, exec_id: '', signal: SIGTERM });
    expect((await agent.WaitProcess(ref)).status).toBe(128 + SIGKILL);
    await agent.RemoveContainer(ref);
  });

  it('leaves the container alone where the process is unknown', async () => {
    const { sandbox, container } = guest();
    for (const signal of [SIGTERM, SIGKILL]) {
      const request = { container_id: container.id, exec_id: 'never-made', signal };
      await expect(sandbox.calls.agent.SignalProcess(request)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
    }
    expect((await execIn(container, ['echo', 'alive'])).stdout.toString()).toBe('alive\n');
  });

  it('signals one process and not its neighbours', async () => {
    const { agent } = guest().sandbox.calls;
    const [one, other] = [await rawExec(guest(), ['sleep', '1000']), await rawExec(guest(), ['cat'])];
    await agent.SignalProcess({ ...one, signal: SIGKILL });
    expect((await agent.WaitProcess(one)).status).toBe(128 + SIGKILL);
    await agent.CloseStdin(other);
    expect((await agent.WaitProcess(other)).status).toBe(0);
  });

  it('empties a container that multiplies, with nested cgroups and a pid namespace that it shares', async () => {
    const { sandbox } = guest();
    const processes = count(40, 200);
    const id = `bomb-${way}`;
    const began = performance.now();
    // The limit is what ends its growth: nothing else would be left to see.
    const script = 'f() { sleep 0.05; f & f & wait; }; touch /tmp/bomb-runs; f';
    const ref = await createRaw(guest(), {
      id,
      args: ['sh', '-c', script],
      sharedPidNamespace: true,
      change: (spec) => {
        if (spec.Linux?.Resources) spec.Linux.Resources.Pids = { Limit: Long.fromNumber(processes) };
      },
    });
    await sandbox.calls.agent.StartContainer(ref);
    const cgroup = `$(find /sys/fs/cgroup -type d -name ${id} | head -n 1)`;
    const populate = `
      cgroup=${cgroup}; mkdir -p $cgroup/nested/deeper
      while [ $(wc -l <$cgroup/cgroup.procs) -lt 10 ]; do sleep 0.1; done
      for pid in $(head -n 5 $cgroup/cgroup.procs); do echo $pid >$cgroup/nested/deeper/cgroup.procs 2>/dev/null; done
      true`;
    await guestOutput(sandbox.vsock, populate);
    const ended = sandbox.calls.agent.WaitProcess(ref);
    await sandbox.calls.agent.SignalProcess({ container_id: id, exec_id: '', signal: SIGKILL });
    expect((await ended).status).toBe(128 + SIGKILL);
    const left = `cat $(find ${cgroup} -name cgroup.procs) | wc -l`;
    await until('an empty cgroup', async () => (await guestOutput(sandbox.vsock, left)) === '0');
    await sandbox.calls.agent.RemoveContainer(ref);
    expect(await guestOutput(sandbox.vsock, `find /sys/fs/cgroup -name ${id} | wc -l`)).toBe('0');
    report({
      subject: 'SIGKILL of a fork bomb',
      way,
      count: processes,
      result: `nothing left, ${secondsSince(began)}`,
    });
  });

  it('answers for a container that was created and never started', async () => {
    const { agent } = guest().sandbox.calls;
    const ref: ProcessRef = await createRaw(guest(), { id: 'never-started', args: ['sleep', '1000'] });
    await agent.SignalProcess({ container_id: ref.container_id, exec_id: '', signal: SIGKILL });
    expect((await agent.WaitProcess(ref)).status).toBe(128 + SIGKILL);
    await agent.RemoveContainer(ref);
  });

  it('stops and continues a container, and refuses an exec into one that is stopped', async () => {
    const { sandbox, container } = guest();
    await container.pause();
    await expect(container.exec({ command: ['true'] })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    await expect(container.pause()).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    await container.resume();
    await expect(container.resume()).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    expect((await execIn(container, ['echo', 'alive'])).stdout.toString()).toBe('alive\n');
    const ref = await createRaw(guest(), { id: 'paused', args: ['sleep', '1000'] });
    await sandbox.calls.agent.StartContainer(ref);
    await sandbox.calls.agent.PauseContainer(ref);
    await removeRaw(guest(), 'paused');
  });
});
