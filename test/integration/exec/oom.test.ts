/** A container that takes more memory than it may: killed, and told of once, before its exit. */
import Long from 'long';
import { beforeAll, expect, it } from 'vitest';
import { describeBothWays } from '../support/both-ways.ts';
import { createRaw, execIn, removeRaw } from '../support/exec.ts';
import { count, report, secondsSince } from '../support/soak.ts';

const MIB = 1 << 20;
const LIMIT = Long.fromNumber(24 * MIB);
/** Touches so much memory at once. */
const GREEDY = ['dd', 'if=/dev/zero', 'of=/dev/null', 'bs=100M', 'count=1'];

describeBothWays('oom', (guest, way) => {
  const createLimited = (id: string, args: readonly string[]) =>
    createRaw(guest(), {
      id,
      args,
      change: (spec) => {
        if (spec.Linux?.Resources) spec.Linux.Resources.Memory = { Limit: LIMIT, Swap: LIMIT };
      },
    });

  const events: string[] = [];
  /** As the shim does: always one call that waits for the next event. It ends with the sandbox. */
  const listen = async (): Promise<void> => {
    for (;;) events.push(`oom of ${(await guest().sandbox.calls.agent.GetOOMEvent()).container_id}`);
  };
  beforeAll(() => void listen().catch(() => {}));

  it('tells of it once, and before the exit', async () => {
    const { agent } = guest().sandbox.calls;
    const times = count(2, 20);
    const expected: string[] = [];
    for (let turn = 0; turn < times; turn += 1) {
      const greedy = await createLimited(`greedy-${turn}`, GREEDY);
      await agent.StartContainer(greedy);
      expect((await agent.WaitProcess(greedy)).status).toBe(137);
      events.push(`exit of ${greedy.container_id}`);
      await agent.RemoveContainer(greedy);
      // Killed as well, with the same status, but not for its memory.
      const modest = await createLimited(`modest-${turn}`, ['sleep', '1000']);
      await agent.StartContainer(modest);
      await agent.SignalProcess({ container_id: modest.container_id, exec_id: '', signal: 9 });
      expect((await agent.WaitProcess(modest)).status).toBe(137);
      events.push(`exit of ${modest.container_id}`);
      await agent.RemoveContainer(modest);
      expected.push(`oom of greedy-${turn}`, `exit of greedy-${turn}`, `exit of modest-${turn}`);
    }
    expect(events.splice(0)).toEqual(expected);
    report({
      subject: 'containers killed for their memory',
      way,
      count: times,
      result: 'one event each, before the exit',
    });
  });

  it('tells nothing of the container that only holds the sandbox', async () => {
    const { agent } = guest().sandbox.calls;
    // A shim's first container has the name of the sandbox.
    const holder = await createLimited(guest().sandbox.id, GREEDY);
    await agent.StartContainer(holder);
    expect((await agent.WaitProcess(holder)).status).toBe(137);
    await agent.RemoveContainer(holder);
    const other = await createLimited('after-holder', GREEDY);
    await agent.StartContainer(other);
    expect((await agent.WaitProcess(other)).status).toBe(137);
    await agent.RemoveContainer(other);
    expect(events.splice(0)).toEqual(['oom of after-holder']);
  });

  it('kills the exec that is greedy, and nothing beside it', async () => {
    const { agent } = guest().sandbox.calls;
    const host = await createLimited('greedy-exec', ['sleep', '1000']);
    await agent.StartContainer(host);
    const ref = { container_id: host.container_id, exec_id: 'greedy' };
    await agent.ExecProcess({ ...ref, process: { User: {}, Args: GREEDY, Env: ['PATH=/bin'], Cwd: '/' } });
    expect((await agent.WaitProcess(ref)).status).toBe(137);
    expect(events.splice(0)).toEqual(['oom of greedy-exec']);
    await agent.SignalProcess({ ...host, signal: 0 });
    expect((await execIn(guest().container, ['echo', 'alive'])).stdout.toString()).toBe('alive\n');
    await removeRaw(guest(), 'greedy-exec');
  });

  it('starts containers that live for a moment only', async () => {
    const { agent } = guest().sandbox.calls;
    const times = count(4, 500);
    const began = performance.now();
    for (let turn = 0; turn < times; turn += 1) {
      const ref = await createLimited(`brief-${turn}`, ['true']);
      await agent.StartContainer(ref);
      expect((await agent.WaitProcess(ref)).status).toBe(0);
      await agent.RemoveContainer(ref);
    }
    report({ subject: 'containers of a moment', way, count: times, result: `no error, ${secondsSince(began)}` });
  });
});
