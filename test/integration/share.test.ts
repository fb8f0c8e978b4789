/** Volumes: one file tree on both sides, through virtiofs. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sandbox } from '../../src/host/sandbox.ts';
import { leftoversOf } from './support/leftovers.ts';
import { shellIn } from './support/sandbox.ts';

describe('a shared directory', () => {
  let sandbox: Sandbox;
  let directory = '';
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'volume-'));
    sandbox = await Sandbox.boot({ id: 'test-share' });
  });
  afterAll(async () => {
    await sandbox.stop();
    rmSync(directory, { recursive: true });
    expect(leftoversOf('test-share')).toEqual([]);
  });

  it('carries a file from the container to the host, and the other way round', async () => {
    writeFileSync(join(directory, 'from-host'), 'hello guest');
    const volumes = [{ source: directory, destination: '/data', readOnly: false }];
    const script = 'cat /data/from-host; echo hello host > /data/from-guest; chmod 751 /data/from-guest';
    const { code, stdout, stderr } = await shellIn(sandbox, script, { volumes });
    expect({ code, stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({
      code: 0,
      stdout: 'hello guest',
      stderr: '',
    });
    expect(readFileSync(join(directory, 'from-guest'), 'utf8')).toBe('hello host\n');
  });

  it('shows a change of the host while the container runs', async () => {
    const volumes = [{ source: directory, destination: '/data', readOnly: false }];
    const script = 'touch /data/ready; while ! [ -e /data/answer ]; do sleep 0.1; done; cat /data/answer';
    const running = shellIn(sandbox, script, { volumes });
    for (;;) {
      try {
        readFileSync(join(directory, 'ready'));
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    writeFileSync(join(directory, 'answer.new'), 'seen');
    // The name appears only with its content.
    renameSync(join(directory, 'answer.new'), join(directory, 'answer'));
    expect((await running).stdout.toString()).toBe('seen');
  });

  it('is not written where it is read-only', async () => {
    const volumes = [{ source: directory, destination: '/data', readOnly: true }];
    const { code, stderr } = await shellIn(sandbox, 'echo x > /data/refused', { volumes });
    expect(code).not.toBe(0);
    expect(stderr.toString()).toMatch(/read-only file system/i);
  });

  it('may be a single file', async () => {
    const file = join(directory, 'one');
    writeFileSync(file, 'alone');
    const volumes = [{ source: file, destination: '/etc/one', readOnly: true }];
    expect((await shellIn(sandbox, 'cat /etc/one', { volumes })).stdout.toString()).toBe('alone');
  });

  it("may be a container's whole root, which keeps what is written", async () => {
    const root = join(directory, 'root');
    mkdirSync(join(root, 'bin'), { recursive: true });
    writeFileSync(join(root, 'bin/busybox'), readFileSync('/usr/bin/busybox'));
    chmodSync(join(root, 'bin/busybox'), 0o755);
    const command = '/bin/busybox';
    const output = { stdout: () => Promise.resolve(), stderr: () => Promise.resolve() };
    const options = { root: { kind: 'directory', path: root } as const, command: [command, 'touch', '/kept'] };
    expect(await sandbox.run(options, output)).toBe(0);
    expect(readFileSync(join(root, 'kept'), 'utf8')).toBe('');
  });

  it('names what is wrong with a source', async () => {
    const volumes = [{ source: join(directory, 'absent'), destination: '/data', readOnly: true }];
    await expect(shellIn(sandbox, 'true', { volumes })).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining(join(directory, 'absent')),
    });
  });
});
