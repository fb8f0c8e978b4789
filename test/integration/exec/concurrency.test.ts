/** Many at a time: one that nobody reads holds up nobody else, and the agent always answers. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { describeBothWays } from '../support/both-ways.ts';
import { rawExec, shellExec } from '../support/exec.ts';
import { guestState } from '../support/guest-state.ts';
import { countFor, quantile, report, secondsSince } from '../support/soak.ts';

/** Pause between two questions after the agent's health (ms). */
const CHECK_INTERVAL_MS = 20;
/** What each of the execs prints (bytes). */
const BYTES = 256 << 10;
/** Far more than what the pipes and connections of the unread processes could hold (KiB). */
const MEMORY_SLACK_KIB = 16 * 1024;

describeBothWays('concurrency', (guest, way) => {
  it('serves execs that stream while the reader of others has stopped', async () => {
    const { sandbox, container } = guest();
    const { calls } = sandbox;
    const execs = countFor(way, 12, 50);
    const unread = await rawExec(guest(), ['yes']);
    expect((await calls.agent.ReadStdout({ ...unread, len: 10 })).data.length).toBeGreaterThan(0);
    const stalled = await container.exec({ command: ['yes'], streams: 'passfd' });
    let mayRead = (): void => {};
    const reading = stalled.carry({
      stdout: () => new Promise((resolve) => (mayRead = resolve)),
      stderr: () => Promise.resolve(),
    });
    const before = await guestState(sandbox.vsock);
    const done = new AbortController();
    const checks: number[] = [];
    const checking = (async () => {
      while (!done.signal.aborted) {
        const began = performance.now();
        await calls.health.Check();
        checks.push(performance.now() - began);
        await delay(CHECK_INTERVAL_MS);
      }
    })();
    const began = performance.now();
    const results = await Promise.all(
      Array.from({ length: execs }, (_, index) =>
        shellExec(container, `head -c ${BYTES} /dev/zero; exit ${index}`, {
          streams: index % 2 === 0 ? 'passfd' : 'unary',
        }),
      ),
    );
    const took = secondsSince(began);
    done.abort();
    await checking;
    expect(results.map(({ code, stdout }) => [code, stdout.length])).toEqual(
      Array.from({ length: execs }, (_, index) => [index, BYTES]),
    );
    const after = await guestState(sandbox.vsock);
    expect(after.anonymousKiB - before.anonymousKiB).toBeLessThan(MEMORY_SLACK_KIB);
    expect(checks.length).toBeGreaterThan(0);
    await calls.agent.SignalProcess({ ...unread, signal: 9 });
    expect((await calls.agent.WaitProcess(unread)).status).toBe(137);
    await stalled.signal(9);
    stalled.drop();
    mayRead();
    await reading.catch(() => {});
    report({
      subject: 'parallel execs that stream, two unread',
      way,
      count: execs,
      result:
        `all whole in ${took}; ${checks.length} Checks, p50 ${quantile(checks, 0.5).toFixed(0)} ms, ` +
        `p99 ${quantile(checks, 0.99).toFixed(0)} ms`,
    });
  });
});
