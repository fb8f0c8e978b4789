/** Processes whose parents have gone become the agent's: it collects each, and takes no other's exit status. */
import { expect, it } from 'vitest';
import { describeBothWays } from '../support/both-ways.ts';
import { shellExec } from '../support/exec.ts';
import { guestOutput } from '../support/guest-shell.ts';
import { flatOf, guestState, settledState } from '../support/guest-state.ts';
import { countFor, report, secondsSince } from '../support/soak.ts';

describeBothWays('orphans', (guest, way) => {
  it('collects orphans while execs in parallel get their own exit codes', async () => {
    const { sandbox, container } = guest();
    const orphans = countFor(way, 300, 5000);
    const execs = countFor(way, 24, 200);
    const before = await guestState(sandbox.vsock);
    const began = performance.now();
    // Each is forked twice: when the one between has gone, the first process of the guest is the parent.
    const forking = guestOutput(
      sandbox.vsock,
      `i=0; while [ $i -lt ${orphans} ]; do (sh -c 'exit 9' & ); i=$((i + 1)); done; echo $i`,
    );
    const codes = await Promise.all(
      Array.from({ length: execs }, async (_, index) => {
        const { code, stdout } = await shellExec(container, `echo ${index}; exit ${index % 256}`);
        return [code, stdout.toString()];
      }),
    );
    expect(codes).toEqual(Array.from({ length: execs }, (_, index) => [index % 256, `${index}\n`]));
    expect(await forking).toBe(`${orphans}`);
    const took = secondsSince(began);
    const state = await settledState(sandbox.vsock, before);
    expect(flatOf(state)).toEqual(flatOf(before));
    report({
      subject: `orphans, with ${execs} execs in parallel`,
      way,
      count: orphans,
      result: `${state.zombies} zombies, every exit code its own, ${took}`,
    });
  });
});
