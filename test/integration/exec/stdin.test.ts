/** What a process reads: all that was sent, and the end of it. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { describeBothWays } from '../support/both-ways.ts';
import { execIn, rawExec } from '../support/exec.ts';
import { readUntilEmpty } from '../support/shim-readers.ts';
import { countFor, report, secondsSince } from '../support/soak.ts';

const MIB = 1 << 20;

describeBothWays('stdin', (guest, way) => {
  it('finds the end of its input at once where nobody gives any', async () => {
    for (const streams of ['unary', 'passfd'] as const) {
      const { code, stdout } = await execIn(guest().container, ['cat'], { streams });
      expect([code, stdout.toString()]).toEqual([0, '']);
    }
  });

  it('waits for input that a shim may still send, until it closes it', async () => {
    const { calls } = guest().sandbox;
    const ref = await rawExec(guest(), ['cat']);
    const ended = calls.agent.WaitProcess(ref);
    for (const data of ['some ', 'input\n']) {
      expect((await calls.agent.WriteStdin({ ...ref, data: Buffer.from(data) })).len).toBe(data.length);
    }
    expect(Buffer.from((await calls.agent.ReadStdout({ ...ref, len: 100 })).data).toString()).toMatch(/^some /);
    expect(await Promise.race([ended, calls.health.Check().then(() => 'running')])).toBe('running');
    await calls.agent.CloseStdin(ref);
    expect((await ended).status).toBe(0);
  });

  it.each(['passfd', 'unary'] as const)('carries much through cat by %s', async (streams) => {
    const mebibytes = countFor(way, 8, 512);
    const [sent, received] = [createHash('sha256'), createHash('sha256')];
    const chunks = function* (): Generator<Buffer> {
      const block = randomBytes(MIB);
      for (let turn = 0; turn < mebibytes; turn += 1) {
        block.writeUInt32LE(turn);
        sent.update(block);
        yield Buffer.from(block);
      }
    };
    const began = performance.now();
    const cat = await guest().container.exec({ command: ['cat'], streams });
    let bytes = 0;
    await cat.carry({
      stdin: Readable.from(chunks(), { objectMode: false }),
      stdout: (chunk) => {
        bytes += chunk.length;
        received.update(chunk);
        return Promise.resolve();
      },
      stderr: () => Promise.resolve(),
    });
    expect(await cat.wait()).toBe(0);
    expect(bytes).toBe(mebibytes * MIB);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    report({
      subject: `${mebibytes} MiB through cat, ${streams}`,
      way,
      count: 1,
      result: `equal hashes, ${secondsSince(began)}`,
    });
  });

  it.each(['passfd', 'unary'] as const)('unpacks an archive from its input by %s', async (streams) => {
    const directory = mkdtempSync(join(tmpdir(), 'kata-tar-'));
    try {
      mkdirSync(join(directory, 'a/b'), { recursive: true });
      writeFileSync(join(directory, 'a/b/file'), 'from the archive\n');
      const archive = execFileSync('tar', ['cf', '-', '-C', directory, 'a']);
      const { container } = guest();
      const target = `/tmp/${streams}`;
      const command = ['sh', '-c', `mkdir ${target} && tar xf - -C ${target}`];
      const { code, stderr } = await execIn(container, command, { streams, input: archive });
      expect([code, stderr.toString()]).toEqual([0, '']);
      expect((await execIn(container, ['cat', `${target}/a/b/file`])).stdout.toString()).toBe('from the archive\n');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('takes a write without bytes for the end, and further ends for nothing', async () => {
    const { calls } = guest().sandbox;
    const ref = await rawExec(guest(), ['cat']);
    await calls.agent.WriteStdin({ ...ref, data: Buffer.from('last') });
    expect((await calls.agent.WriteStdin({ ...ref, data: new Uint8Array() })).len).toBe(0);
    await calls.agent.CloseStdin(ref);
    await calls.agent.CloseStdin(ref);
    const { data } = await readUntilEmpty(calls, ref, 'ReadStdout');
    expect(data.toString()).toBe('last');
    expect((await calls.agent.WaitProcess(ref)).status).toBe(0);
  });

  it('gives the end of a terminal’s input as its end-of-file character', async () => {
    const { calls } = guest().sandbox;
    const ref = await rawExec(guest(), ['sh', '-c', 'cat; echo ended'], { Terminal: true });
    await calls.agent.WriteStdin({ ...ref, data: Buffer.from('line\n') });
    await calls.agent.CloseStdin(ref);
    const { data } = await readUntilEmpty(calls, ref, 'ReadStdout');
    expect(data.toString()).toBe('line\r\nline\r\nended\r\n');
    expect((await calls.agent.WaitProcess(ref)).status).toBe(0);
  });

  it('answers a write at once when its reader has ended', async () => {
    const { calls } = guest().sandbox;
    const ref = await rawExec(guest(), ['sh', '-c', 'exec 3<&0; sleep 999 & exit 3']);
    const data = Buffer.alloc(MIB);
    // Nobody reads it, so it waits, and the child left behind still holds the pipe when the process has gone.
    await expect(calls.agent.WriteStdin({ ...ref, data })).rejects.toMatchObject({ code: 'ERR_INTERNAL' });
    expect((await calls.agent.WaitProcess(ref)).status).toBe(3);
  });
});
