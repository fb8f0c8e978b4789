/** Nothing grows: descriptors, memory, zombies, cgroups, mounts and files are as before, however much was done. */
import { expect, it } from 'vitest';
import { describeBothWays } from '../support/both-ways.ts';
import { execIn, shellExec } from '../support/exec.ts';
import { flatOf, type GuestState, guestState, settledState, steadyState } from '../support/guest-state.ts';
import { shellIn } from '../support/sandbox.ts';
import { countFor, report, secondsSince } from '../support/soak.ts';

/** What the agent's anonymous memory may differ by (KiB). */
const MEMORY_SLACK_KIB = 5 * 1024;

const describeState = ({ descriptors, anonymousKiB, zombies, cgroups, mounts, entries, threads }: GuestState): string =>
  `${descriptors} descriptors, ${anonymousKiB} KiB, ${threads} threads, ${zombies} zombies, ${cgroups} cgroups, ` +
  `${mounts} mounts, ${entries} files`;

describeBothWays('flat', (guest, way) => {
  it('holds after execs and containers what it held before', async () => {
    const { sandbox, container } = guest();
    const execs = countFor(way, 60, 10_000);
    const containers = countFor(way, 3, 300);
    const fresh = await guestState(sandbox.vsock);
    await execIn(container, ['true']);
    const first = await guestState(sandbox.vsock);
    report({
      subject: 'the first exec',
      way,
      count: 1,
      result: `${first.anonymousKiB - fresh.anonymousKiB} KiB, ${first.threads - fresh.threads} threads`,
    });
    const warmUp = await runAll(4, 1);
    const before = await steadyState(sandbox.vsock);
    const took = await runAll(execs, containers);
    const after = await settledState(sandbox.vsock, before);
    const subject = `execs, and ${containers} containers`;
    report({ subject: `before ${subject}`, way, count: execs, result: `${describeState(before)} (${warmUp})` });
    report({ subject: `after ${subject}`, way, count: execs, result: `${describeState(after)}, ${took}` });
    expect(flatOf(after)).toEqual({ ...flatOf(before), zombies: 0 });
    expect(after.anonymousKiB - before.anonymousKiB).toBeLessThan(MEMORY_SLACK_KIB);
  });

  async function runAll(execs: number, containers: number): Promise<string> {
    const began = performance.now();
    const { sandbox, container } = guest();
    for (let turn = 0; turn < execs; turn += 1) {
      const streams = turn % 2 === 0 ? 'passfd' : 'unary';
      const terminal = turn % 10 === 9 ? { terminal: { rows: 24, columns: 80 } } : {};
      expect((await shellExec(container, `exit ${turn % 256}`, { streams, ...terminal })).code).toBe(turn % 256);
    }
    for (let turn = 0; turn < containers; turn += 1) expect((await shellIn(sandbox, 'exit 3')).code).toBe(3);
    return secondsSince(began);
  }
});
