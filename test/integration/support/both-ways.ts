/** Process tests run in two guests: one in which the agent's launcher starts processes, and one in which the runtime does. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { ContainerOptions } from '../../../src/host/sandbox-options.ts';
import { type Guest, startGuest } from './exec.ts';
import { leftoversOf } from './leftovers.ts';
import { WAYS, type Way } from './soak.ts';

/** Stops a guest, and sees that nothing of it is left on the host. */
export async function stopGuest({ sandbox, starts, way }: Guest): Promise<void> {
  console.log(`processes started: ${starts.by('launcher')} by the launcher, ${starts.by('runtime')} by the runtime`);
  // The other way round there are always some: whatever a thread cannot do, or not yet.
  if (way === 'runtime') expect(starts.by('launcher')).toBe(0);
  await sandbox.stop();
  expect(leftoversOf(sandbox.id)).toEqual([]);
}

/**
 * The same tests in two guests: one whose agent starts processes by its launcher, one in which the runtime does.
 * @param options of the container.
 * @param suite gets a function that gives the guest while a test runs.
 */
export function describeBothWays(
  name: string,
  suite: (guest: () => Guest, way: Way) => void,
  options: () => Partial<ContainerOptions> = () => ({}),
): void {
  describe.each(WAYS)('by the $way', ({ way }) => {
    let guest: Guest | undefined;
    beforeAll(async () => {
      guest = await startGuest(`tests-${name}-${way}`, way, options());
    });
    afterAll(async () => {
      if (guest !== undefined) await stopGuest(guest);
    });
    suite(() => {
      if (guest === undefined) throw new Error('there is no guest outside of tests');
      return guest;
    }, way);
  });
}
