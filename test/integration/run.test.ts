/** The main job: a command in a container, its output and its exit status. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sandbox } from '../../src/host/sandbox.ts';
import { cli, startCli } from './support/cli.ts';
import { leftoversOf } from './support/leftovers.ts';
import { busyboxRoot, runIn, shellIn } from './support/sandbox.ts';

const BLOB_BYTES = 64 << 20;
const ROUNDS = 200;
const LARGE_BYTES = 64 << 10;

describe('kata-sandbox run', () => {
  it('passes output and exit status through', async () => {
    const id = 'test-cli-status';
    const { code, stdout, stderr } = await cli(
      ...['run', '--name', id, '--image', 'busybox', '--'],
      ...['sh', '-c', 'echo out; echo err >&2; exit 7'],
    );
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(leftoversOf(id)).toEqual([]);
  });

  it('ends with 141 where the reader of its output goes away', async () => {
    const id = 'test-cli-pipe';
    const run = startCli(['run', '--name', id, '--', 'yes']);
    run.child.stdout?.once('data', () => run.child.stdout?.destroy());
    expect((await run.ended).code).toBe(141);
    expect(leftoversOf(id)).toEqual([]);
  });

  it('gives 127 and the reason for a missing command, and 125 for a failure of its own', async () => {
    const missing = await cli('run', '--image', 'busybox', '--', 'no-such-command');
    expect(missing.code).toBe(127);
    expect(missing.stderr).toMatch(/no-such-command/);
    const own = await cli('run', '--rootfs', '/nowhere', '--', 'true');
    expect(own.code).toBe(125);
    expect(own.stderr).toMatch(/\/nowhere/);
  });
});

describe('a sandbox', () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.boot({ id: 'test-run', hostname: 'asked-for' });
  });
  afterAll(async () => {
    await sandbox.stop();
    expect(leftoversOf('test-run')).toEqual([]);
  });

  it('gives 128 + n where signal n ends the program', async () => {
    // The kernel drops a SIGKILL that process 1 of a pid namespace sends to itself (pid_namespaces(7)), so a shell below
    // it is the victim: its parent reports 128 + n, and so does the container.
    expect((await shellIn(sandbox, "sh -c 'kill -9 $$'; exit $?")).code).toBe(137);
    expect((await shellIn(sandbox, "sh -c 'kill -15 $$'; exit $?")).code).toBe(143);
    const container = await sandbox.createContainer({ root: await busyboxRoot(), command: ['sleep', '10000'] });
    await container.start();
    const ended = container.init.wait();
    await container.signal(9);
    expect(await ended).toBe(137);
    await container.remove();
  });

  it.each([
    ['no-such-command', /no-such-command.*not found|no such file/i],
    ['/etc/passwd', /permission denied/i],
  ])('fails at once for the command %s, and says why', async (command, reason) => {
    const root = await busyboxRoot();
    const started = performance.now();
    await expect(sandbox.createContainer({ root, command: [command] })).rejects.toThrow(reason);
    // Not a measure of speed: waiting for something that never comes would take a minute.
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('is the container: its process ids, host name, cgroup and mounts', async () => {
    const script = 'echo $$; hostname; cat /proc/1/cgroup; cut -d" " -f5 /proc/self/mountinfo; ps -o pid,comm';
    const text = (await shellIn(sandbox, script)).stdout.toString();
    const [pid, hostname, cgroup, ...rest] = text.split('\n');
    expect(pid).toBe('1');
    expect(hostname).toBe('asked-for');
    expect(cgroup).toBe('0::/');
    expect(rest).toContain('/proc');
    expect(rest).not.toContain('/run/kata-containers/shared/containers');
    expect(text).not.toMatch(/kata-agent|node/);
  });

  it('has our agent as process 1 of its guest', () => {
    expect(sandbox.details.agent_details?.init_daemon).toBe(true);
    expect(sandbox.consoleLines().some((line) => line.includes('"pid":"1"'))).toBe(true);
  });

  it('runs the command as the user asked for, in the directory and environment asked for', async () => {
    const script = 'id -u; id -g; pwd; echo "$A-$B"';
    const options = { user: 'daemon:users', cwd: '/var/tmp', env: ['A=1', 'B=x y'] };
    const { stdout } = await shellIn(sandbox, script, options);
    expect(stdout.toString()).toBe('1\n100\n/var/tmp\n1-x y\n');
  });

  it('gives a command that reads its input the end of it', async () => {
    expect(await shellIn(sandbox, 'cat; echo over')).toMatchObject({ code: 0, stdout: Buffer.from('over\n') });
  });

  it('throws away what a container wrote into an image', async () => {
    await shellIn(sandbox, 'echo x > /etc/written; rm /etc/group');
    const { stdout } = await shellIn(sandbox, 'ls /etc');
    expect(stdout.toString().split('\n')).toContain('group');
    expect(stdout.toString()).not.toContain('written');
  });

  it(`carries ${BLOB_BYTES >> 20} MiB of random bytes unchanged`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'blob-'));
    try {
      const blob = randomBytes(BLOB_BYTES);
      writeFileSync(join(directory, 'blob'), blob);
      const volumes = [{ source: directory, destination: '/data', readOnly: true }];
      const { code, stdout } = await runIn(sandbox, ['cat', '/data/blob'], { volumes });
      const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
      expect(code).toBe(0);
      expect([stdout.length, hash(stdout)]).toEqual([blob.length, hash(blob)]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }, 600_000);

  it(`loses nothing in ${ROUNDS} short runs`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const length = round % 2 === 0 ? 1 : LARGE_BYTES;
      const { code, stdout } = await shellIn(sandbox, `printf '%0${length}d' 7`);
      expect([round, code, stdout.length]).toEqual([round, 0, length]);
      expect(stdout.toString()).toBe('7'.padStart(length, '0'));
    }
  }, 600_000);

  it('waits for a slow reader instead of losing or keeping output', async () => {
    const root = await busyboxRoot();
    let length = 0;
    const slow = async (chunk: Uint8Array): Promise<void> => {
      length += chunk.length;
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    const command = ['dd', 'if=/dev/zero', 'bs=64k', 'count=16', 'status=none'];
    expect(await sandbox.run({ root, command }, { stdout: slow, stderr: slow })).toBe(0);
    expect(length).toBe(16 * LARGE_BYTES);
  });
});
