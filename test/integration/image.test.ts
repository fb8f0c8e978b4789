import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEBIAN_KERNEL_STAGE } from '../../build/guest/debian-kernel.ts';
import { buildImage } from '../../build/guest/image.ts';
import { findImage, type GuestImage } from '../../src/host/image.ts';
import { cacheRoot } from '../../src/host/paths.ts';
import { runOnConsole } from './support/console-machine.ts';

/** Stands in for the agent: says what it finds, and powers off. */
const PROBE = `
const { readFileSync } = require('node:fs');
const { spawnSync } = require('node:child_process');
const run = (...argv) => {
  const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8' });
  return status === 0 ? stdout.split('\\n')[0] : 'FAILED ' + status + ' ' + stderr;
};
console.log('PROBE=' + JSON.stringify({
  pid: process.pid,
  node: process.version,
  root: readFileSync('/proc/mounts', 'utf8').split('\\n').find((line) => line.split(' ')[1] === '/'),
  crun: run('/usr/bin/crun', '--version'),
  ip: run('/sbin/ip', '-Version'),
  iptables: run('/usr/sbin/iptables', '--version'),
  mkfs: run('/usr/sbin/mkfs.ext4', '-V'),
  mount: run('/usr/bin/mount', '--version'),
  nsenter: run('/usr/bin/nsenter', '--version'),
  overlay: run('/sbin/modprobe', 'overlay'),
  nat: run('/usr/bin/unshare', '-n', '/usr/sbin/iptables', '-t', 'nat', '-S'),
}));
spawnSync('/sbin/poweroff', ['-f']);
`;

interface Build {
  readonly image: GuestImage;
  readonly lines: readonly string[];
}

describe('the guest image', () => {
  let directory = '';
  let first: Build;

  const agent = (): string => join(directory, 'probe.cjs');
  const build = async (cache: string): Promise<Build> => {
    const cacheDirectory = join(directory, cache);
    mkdirSync(cacheDirectory, { recursive: true });
    // A kernel that was downloaded already is not downloaded once more for a test.
    const kernels = join(cacheRoot(), DEBIAN_KERNEL_STAGE);
    const link = join(cacheDirectory, DEBIAN_KERNEL_STAGE);
    if (existsSync(kernels) && !existsSync(link)) symlinkSync(kernels, link);
    const lines: string[] = [];
    const image = await buildImage({ log: (line) => lines.push(line), cacheDirectory, agent: agent() });
    return { image, lines };
  };

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kata-image-test-'));
    writeFileSync(agent(), PROBE);
    first = await build('one');
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('boots to the agent as PID 1 on a read-only root, with programs that run', async () => {
    const { console, endedItself } = await runOnConsole(first.image);
    const found = /PROBE=(.*)\r?$/m.exec(console)?.[1];
    expect(found, console).toBeDefined();
    expect(JSON.parse(found ?? '')).toMatchObject({
      pid: 1,
      node: process.version,
      root: expect.stringMatching(/^\/dev\/vda \/ erofs ro,/),
      crun: expect.stringContaining('crun'),
      ip: expect.stringContaining('iproute2'),
      iptables: expect.stringContaining('nf_tables'),
      mount: expect.stringContaining('util-linux'),
      nsenter: expect.stringContaining('util-linux'),
      overlay: '',
      nat: '-P PREROUTING ACCEPT',
    });
    expect(endedItself).toBe(true);
  });

  it('is not built again where nothing changed', async () => {
    const before = statSync(first.image.rootfs).ino;
    const again = await build('one');
    expect(again.image).toEqual(first.image);
    expect(again.lines).toEqual([expect.stringContaining('up to date')]);
    expect(statSync(again.image.rootfs).ino).toBe(before);
  });

  it('is the same, byte for byte, where it is built from nothing a second time', async () => {
    const other = await build('two');
    expect(other.image.rootfs).not.toBe(first.image.rootfs);
    expect(other.image.id).toBe(first.image.id);
  });

  it('changes only the root where the agent changed', async () => {
    writeFileSync(agent(), `${PROBE}// changed\n`);
    const { image } = await build('one');
    expect(image).toMatchObject({ kernel: first.image.kernel, initrd: first.image.initrd });
    expect(image.rootfs).not.toBe(first.image.rootfs);
    expect(image.id).not.toBe(first.image.id);
  });

  it('names the agent where it is missing', async () => {
    const options = { log: () => {}, cacheDirectory: join(directory, 'one'), agent: join(directory, 'nosuch.cjs') };
    await expect(buildImage(options)).rejects.toMatchObject({
      code: 'ERR_HOST',
      message: expect.stringContaining('nosuch.cjs'),
    });
  });

  it('says on the console why a damaged root cannot be mounted, and powers off', async () => {
    const rootfs = join(directory, 'damaged.erofs');
    writeFileSync(rootfs, randomBytes(1 << 20));
    const { console, endedItself } = await runOnConsole({ ...first.image, rootfs });
    expect(console).toContain('kata initrd: cannot mount the root /dev/vda as erofs; powering off');
    expect(console).not.toContain('PROBE');
    expect(endedItself).toBe(true);
  });

  it.each([
    ['root=/dev/vdz', 'there is no root device /dev/vdz after 5 s'],
    ['init=/nosuch', 'the root /dev/vda has no program /nosuch'],
  ])('says so with %s, and powers off', async (parameter, message) => {
    const { console, endedItself } = await runOnConsole(first.image, [parameter]);
    expect(console).toContain(`kata initrd: ${message}; powering off`);
    expect(endedItself).toBe(true);
  });

  it('runs another init with its arguments', async () => {
    const { console } = await runOnConsole(first.image, ['init=/bin/sh', '--', '-c', '"echo I am $$; poweroff -f"']);
    expect(console).toContain('I am 1');
  });
});

describe('the guest image of this package', () => {
  it('boots to the real agent, which listens', async () => {
    const { console } = await runOnConsole(findImage(), [], 'vsock://-1:1024');
    expect(console).toContain('vsock://-1:1024');
  });
});
