import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../../../../src/agent/log/logger.ts';
import { Reaper } from '../../../../src/agent/process/reaper.ts';
import { posixSpawn } from '../../../../src/linux/spawn.ts';

const quiet = createLogger({ write: () => {} }, 'fatal');
let reaper: Reaper;
beforeEach(() => {
  reaper = new Reaper(quiet);
});
afterEach(() => reaper.stop());

const shell = (script: string) =>
  ({ path: '/bin/sh', argv: ['sh', '-c', script], env: ['PATH=/bin:/usr/bin'], stdio: [0, 1, 2] }) as const;

describe('Reaper', () => {
  it('hands each status to all who wait for that pid', async () => {
    reaper.start();
    const child = reaper.spawn(shell('sleep 0.05; exit 5'));
    const again = reaper.waitFor(child.pid);
    expect(await Promise.all([child.ended, again])).toEqual([
      { kind: 'exited', code: 5 },
      { kind: 'exited', code: 5 },
    ]);
  });

  it('collects many children whose signals come as one', async () => {
    reaper.start();
    const children = Array.from({ length: 60 }, (_, index) => reaper.spawn(shell(`exit ${index}`)));
    const statuses = await Promise.all(children.map((child) => child.ended));
    expect(statuses).toEqual(children.map((_, index) => ({ kind: 'exited', code: index })));
  });

  it('keeps the status of a child for which nobody waited yet', async () => {
    reaper.start();
    const early = posixSpawn(shell('exit 6'));
    await reaper.spawn(shell('sleep 0.1')).ended;
    expect(await reaper.waitFor(early)).toEqual({ kind: 'exited', code: 6 });
  });

  it('takes a status from before the process can have existed for another one', async () => {
    reaper.start();
    const earlier = posixSpawn(shell('exit 6'));
    await reaper.spawn(shell('sleep 0.1')).ended;
    const waiting = reaper.waitFor(earlier, performance.now());
    const late = Symbol('not yet');
    expect(await Promise.race([waiting, new Promise((resolve) => setTimeout(() => resolve(late), 30))])).toBe(late);
  });

  it('collects what had ended before it was started', async () => {
    const child = reaper.spawn(shell('kill -9 $$'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    reaper.start();
    expect(await child.ended).toEqual({ kind: 'signaled', signal: 9 });
  });

  it('gives others their turn between many', async () => {
    const children = Array.from({ length: 200 }, () => reaper.spawn(shell('exit 1')));
    const zombies = (): number =>
      children.filter(({ pid }) => {
        try {
          return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
        } catch {
          return false;
        }
      }).length;
    await expect.poll(zombies, { timeout: 20_000 }).toBe(200);
    reaper.start();
    expect(zombies()).toBeGreaterThan(0);
    const turns: number[] = [];
    const look = (): void => {
      turns.push(zombies());
      if (turns.at(-1) !== 0) setImmediate(look);
    };
    setImmediate(look);
    await Promise.all(children.map(({ ended }) => ended));
    await expect.poll(() => turns.at(-1)).toBe(0);
    expect(turns.length).toBeGreaterThan(2);
  });

  it('tells at once that a program cannot be started', () => {
    reaper.start();
    expect(() => reaper.spawn({ ...shell(''), path: '/no/such' })).toThrow(
      expect.objectContaining({ errno: 'ENOENT' }),
    );
  });
});
