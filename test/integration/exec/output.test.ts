/** What a process writes arrives whole, by either way, and its streams end when they should. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { describeBothWays } from '../support/both-ways.ts';
import { execIn, type Guest, processesOf, rawExec, shellExec } from '../support/exec.ts';
import { readUntilEmpty, readUntilError } from '../support/shim-readers.ts';
import { countFor, quantile, report, secondsSince } from '../support/soak.ts';

/** Sizes of what is printed, and how often each is by `npm test`. */
const SIZES = [
  { name: '1 B', bytes: 1, rounds: 8 },
  { name: '64 KiB', bytes: 64 << 10, rounds: 4 },
  { name: '1 MiB', bytes: 1 << 20, rounds: 2 },
] as const;
const SOAK_ROUNDS = 1000;

const directory = mkdtempSync(join(tmpdir(), 'kata-output-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Text of exactly so many bytes that a shell's variable can hold. */
function writeText(name: string, bytes: number): string {
  const text = randomBytes(bytes).toString('base64').slice(0, bytes);
  writeFileSync(join(directory, name), text);
  return sha256(Buffer.from(text));
}
const texts = new Map(SIZES.map(({ name, bytes }) => [name, writeText(`${bytes}`, bytes)]));

/** Prints a file's text on both outputs and ends at once: nothing is done between the last byte and the exit. */
const printBoth = (bytes: number): string => `x=$(cat /data/${bytes}); printf %s "$x"; printf %s "$x" >&2`;

describeBothWays(
  'output',
  (guest, way) => {
    it.each(SIZES)('carries $name on both outputs by connections', async ({ name, bytes, rounds }) => {
      const times = countFor(way, rounds, SOAK_ROUNDS);
      const began = performance.now();
      for (let round = 0; round < times; round += 1) {
        const { code, stdout, stderr } = await shellExec(guest().container, printBoth(bytes), { streams: 'passfd' });
        expect([code, sha256(stdout), sha256(stderr)]).toEqual([0, texts.get(name), texts.get(name)]);
      }
      report({
        subject: `printf of ${name} on both outputs, passfd`,
        way,
        count: times,
        result: `all hashes right, ${secondsSince(began)}`,
      });
    });

    it.each(SIZES)('carries $name on both outputs by calls, with the end already asked for', async (size) => {
      const { name, bytes, rounds } = size;
      const times = countFor(way, rounds, SOAK_ROUNDS);
      const began = performance.now();
      for (let round = 0; round < times; round += 1) {
        const { calls } = guest().sandbox;
        const ref = await rawExec(guest(), ['sh', '-c', printBoth(bytes)]);
        // The exit is told as soon as it is there; what was written before it must still be there for the readers.
        const [{ status }, stdout, stderr] = await Promise.all([
          calls.agent.WaitProcess(ref),
          readUntilEmpty(calls, ref, 'ReadStdout'),
          readUntilError(calls, ref, 'ReadStderr'),
        ]);
        expect([status, sha256(stdout.data), sha256(stderr.data)]).toEqual([0, texts.get(name), texts.get(name)]);
      }
      report({
        subject: `printf of ${name} on both outputs, unary`,
        way,
        count: times,
        result: `all hashes right, ${secondsSince(began)}`,
      });
    });

    it('ends a stream by an answer without bytes, then by errors', async () => {
      const { agent } = guest().sandbox.calls;
      const ref = await rawExec(guest(), ['echo', 'hi']);
      const request = { ...ref, len: 100 };
      expect(Buffer.from((await agent.ReadStdout(request)).data).toString()).toBe('hi\n');
      for (const read of [agent.ReadStdout, agent.ReadStderr]) {
        expect((await read(request)).data).toHaveLength(0);
        for (let turn = 0; turn < 3; turn += 1) {
          await expect(read(request)).rejects.toMatchObject({
            code: 'ERR_INTERNAL',
            message: expect.stringMatching(/eof/),
          });
        }
      }
      expect((await agent.WaitProcess(ref)).status).toBe(0);
    });

    it.each([
      ['older', readUntilError],
      ['newer', readUntilEmpty],
    ] as const)('ends for the %s shims, though a child in the background holds the pipe', async (habit, read) => {
      const { calls } = guest().sandbox;
      const seconds = `99${habit.length}7`;
      const began = performance.now();
      const ref = await rawExec(guest(), ['sh', '-c', `sleep ${seconds} & echo hi`]);
      const [stdout, stderr] = await Promise.all([read(calls, ref, 'ReadStdout'), read(calls, ref, 'ReadStderr')]);
      expect((await calls.agent.WaitProcess(ref)).status).toBe(0);
      const took = performance.now() - began;
      expect([stdout.data.toString(), stderr.data.toString()]).toEqual(['hi\n', '']);
      if (habit === 'older') expect([stdout.error?.code, stderr.error?.code]).toEqual(['ERR_INTERNAL', 'ERR_INTERNAL']);
      expect(await endSleep(guest(), seconds)).toBe(1);
      report({
        subject: `exec with a child left behind, ${habit} shims`,
        way,
        count: 1,
        result: `${took.toFixed(0)} ms`,
      });
    });

    it('gives what was printed to reads that are sent after the exit was told', async () => {
      const { calls } = guest().sandbox;
      const ref = await rawExec(guest(), ['sh', '-c', 'sleep 9981 & echo hi']);
      expect((await calls.agent.WaitProcess(ref)).status).toBe(0);
      const stdout = await readUntilError(calls, ref, 'ReadStdout');
      expect(stdout.data.toString()).toBe('hi\n');
      expect(stdout.error).toBeDefined();
      expect(await endSleep(guest(), '9981')).toBe(1);
    });

    it('returns by connections, though a child in the background holds the pipe', async () => {
      const times = countFor(way, 3, 100);
      const took: number[] = [];
      for (let turn = 0; turn < times; turn += 1) {
        const began = performance.now();
        const { code, stdout } = await shellExec(guest().container, 'sleep 9973 & echo hi', { streams: 'passfd' });
        took.push(performance.now() - began);
        expect([code, stdout.toString()]).toEqual([0, 'hi\n']);
      }
      expect(await endSleep(guest(), '9973')).toBe(times);
      report({
        subject: 'exec with a child left behind, passfd',
        way,
        count: times,
        result: `p50 ${quantile(took, 0.5).toFixed(0)} ms, p99 ${quantile(took, 0.99).toFixed(0)} ms`,
      });
    });
  },
  () => ({ volumes: [{ source: directory, destination: '/data', readOnly: true }] }),
);

/** Ends the `sleep`s of that many seconds. @returns how many there were. */
async function endSleep({ container }: Guest, seconds: string): Promise<number> {
  const pids = await processesOf(container, `sleep ${seconds}`);
  if (pids.length > 0) await execIn(container, ['kill', '-9', ...pids]);
  return pids.length;
}
