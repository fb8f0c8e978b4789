/** Container images from an OCI layout and from a Docker archive. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxImage } from '../../src/host/image-store/busybox.ts';
import { ociImage } from '../../src/host/image-store/oci-image.ts';
import { cli } from './support/cli.ts';

describe('an image', () => {
  let directory = '';
  let layout = '';
  let archive = '';

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'oci-'));
    layout = join(directory, 'layout');
    archive = `docker-archive:${join(directory, 'image.tar')}`;
    const { rootfs } = await busyboxImage(join(directory, 'busybox'));
    const umoci = (...args: string[]): void => void execFileSync('umoci', args, { stdio: 'ignore' });
    umoci('init', '--layout', layout);
    umoci('new', '--image', `${layout}:v1`);
    umoci('insert', '--image', `${layout}:v1`, rootfs, '/');
    const config = [
      '--config.entrypoint',
      '/bin/sh',
      '--config.entrypoint',
      '-c',
      '--config.cmd',
      'echo $A $(id -u) $(pwd)',
    ];
    const process = ['--config.env', 'A=from-image', '--config.user', 'daemon', '--config.workingdir', '/var/tmp'];
    umoci('config', '--image', `${layout}:v1`, ...config, ...process);
    execFileSync('skopeo', ['copy', '--quiet', `oci:${layout}:v1`, archive]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('is unpacked once, whichever way it comes', async () => {
    const store = join(directory, 'store');
    const [first, second] = [await ociImage(store, layout), await ociImage(store, `${layout}:v1`)];
    expect(second.rootfs).toBe(first.rootfs);
    expect(first.config).toEqual({
      entrypoint: ['/bin/sh', '-c'],
      cmd: ['echo $A $(id -u) $(pwd)'],
      env: ['A=from-image'],
      cwd: '/var/tmp',
      user: 'daemon',
    });
    const fromArchive = await ociImage(store, archive);
    expect(fromArchive.config).toEqual(first.config);
    expect(readdirSync(join(fromArchive.rootfs, 'bin'))).toContain('busybox');
    expect(readdirSync(store).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('that does not exist is an error in words, and leaves nothing', async () => {
    const store = join(directory, 'empty-store');
    mkdirSync(store);
    await expect(ociImage(store, 'docker-archive:/nowhere.tar')).rejects.toMatchObject({
      code: 'ERR_COMMAND',
      message: expect.stringContaining('/nowhere.tar'),
    });
    expect(readdirSync(store)).toEqual([]);
  });

  it('runs its own command as its own user', async () => {
    const { code, stdout, stderr } = await cli('run', '--image', archive);
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({
      code: 0,
      stdout: 'from-image 1 /var/tmp\n',
      stderr: '',
    });
  });
});
