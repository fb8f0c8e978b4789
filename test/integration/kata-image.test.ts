/** The guest as Kata's shim loads it, booted with the shims' own command lines. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEBIAN_KERNEL_STAGE } from '../../build/guest/debian-kernel.ts';
import { buildKataImage, type KataImageOptions } from '../../build/guest/kata-image.ts';
import { KATA_FILES, modulesInitrdOf } from '../../src/host/kata-image.ts';
import { cacheRoot } from '../../src/host/paths.ts';
import { type RestRecordingName, readRestRecording } from '../replay/rest-recording.ts';
import { bootToCheck, type KataMachineOptions, type RootDevice } from './support/kata-machine.ts';

const SERVING = 1;

/** The command line of the first machine of a recording. */
function recordedLine(name: RestRecordingName): string {
  const places = { runDirectory: '/run', kernel: '/k', initramfs: '/i', image: '/m' };
  const create = readRestRecording(name, places)
    .flat()
    .find((step) => step.is === 'request' && step.path.endsWith('/vm.create'));
  // Reason for the cast: the two dialects' bodies, of which each has one of these members.
  const body = (create?.is === 'request' ? create.body : {}) as {
    readonly cmdline?: { readonly args?: string };
    readonly payload?: { readonly cmdline?: string };
  };
  const line = body.cmdline?.args ?? body.payload?.cmdline;
  if (line === undefined) throw new Error(`${name}: no command line`);
  return line;
}

describe("the guest in Kata's forms", () => {
  let directory = '';
  const build = async (output: string, options: Partial<KataImageOptions> = {}): Promise<string> => {
    const cacheDirectory = join(directory, options.cacheDirectory ?? 'cache');
    mkdirSync(cacheDirectory, { recursive: true });
    // A kernel that was downloaded already is not downloaded once more for a test.
    const [kernels, link] = [join(cacheRoot(), DEBIAN_KERNEL_STAGE), join(cacheDirectory, DEBIAN_KERNEL_STAGE)];
    if (existsSync(kernels) && !existsSync(link)) symlinkSync(kernels, link);
    const to = join(directory, output);
    await buildKataImage({
      forms: ['image', 'initrd'],
      rootType: 'ext4',
      log: () => {},
      ...options,
      output: to,
      cacheDirectory,
    });
    return to;
  };
  const boot = (
    files: string,
    commandLine: string,
    device?: RootDevice,
    more: Pick<KataMachineOptions, 'script' | 'isConsoleVirtio'> = {},
  ) => {
    const image = join(files, KATA_FILES.image);
    return bootToCheck({
      kernel: join(files, KATA_FILES.kernel),
      initrd: device === undefined ? join(files, KATA_FILES.initrd) : modulesInitrdOf(image),
      commandLine,
      ...(device === undefined ? {} : { root: { image, device } }),
      ...more,
    });
  };

  let files = '';
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'kata-forms-'));
    files = await build('one');
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(['nvdimm', 'virtio-pmem'] as const)('boots the image as %s with the line of the shim 2.2', async (device) => {
    const { status, console } = await boot(files, recordedLine('2.2.0'), device);
    expect(status).toBe(SERVING);
    expect(console).toMatch(/EXT4-fs \(pmem0p1\): mounted filesystem/);
  });

  it.each([
    ['nvdimm', '/dev/pmem0p1', 'dax=always'],
    ['virtio-pmem', '/dev/pmem0p1', 'dax=always'],
    ['disk', '/dev/vda1', 'data=ordered'],
  ] as const)(
    'has its root where the machine has the image as %s, as the shim asks for it',
    async (device, node, flag) => {
      const line = `${recordedLine('2.2.0')} agent.debug_console agent.debug_console_vport=1026`;
      const script = 'grep " / " /proc/mounts; ls /proc/1/exe -l; ls -l /usr/bin/kata-agent';
      const { output } = await boot(files, line, device, { script });
      expect(output).toMatch(new RegExp(`^${node} / ext4 ro,`));
      expect(output.split('\n')[0]).toContain(flag);
      expect(output.split('\n')[0]?.includes('dax')).toBe(device !== 'disk');
      expect(output).toContain('/usr/bin/node');
      expect(output).toContain('/usr/bin/kata-agent -> ../sbin/init');
    },
  );

  it('boots the image as a disk with that line', async () => {
    const { status, console } = await boot(files, recordedLine('2.2.0'), 'disk');
    expect(status).toBe(SERVING);
    expect(console).toMatch(/EXT4-fs \(vda1\): mounted filesystem/);
  });

  it('boots the image as a disk with the line of shims that name one', async () => {
    const line = recordedLine('3.5.0').replace('/dev/pmem0p1 rootflags=dax,', '/dev/vda1 rootflags=');
    expect(line).toContain('root=/dev/vda1 rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4');
    expect((await boot(files, line, 'disk')).status).toBe(SERVING);
  });

  it.each(['2.2.0', '3.5.0'] as const)('boots the archive with the line of the shim %s, in 256 MiB', async (shim) => {
    expect((await boot(files, recordedLine(shim))).status).toBe(SERVING);
  });

  it('boots an erofs image with the line that the shim 3 has for that', async () => {
    const erofs = await build('erofs', { forms: ['image'], rootType: 'erofs' });
    const line = recordedLine('3.5.0').replace(/rootflags=\S+ ro rootfstype=ext4/, 'rootflags=dax ro rootfstype=erofs');
    expect((await boot(erofs, line, 'nvdimm')).status).toBe(SERVING);
  });

  it('boots an archive without erofs with the line that the shim 3 has for QEMU', async () => {
    const squashfs = await build('squashfs', { forms: ['initrd'], archiveType: 'squashfs' });
    // Beside an archive it names no root there: the kernel then has the archive on a tmpfs, of half the memory.
    const rest = recordedLine('3.5.0').replace(/root=\S+ rootflags=\S+ ro rootfstype=\S+/, 'console=hvc0 console=hvc1');
    expect(rest).toContain('console=hvc1');
    const { status, console, output } = await boot(
      squashfs,
      `${rest} agent.debug_console agent.debug_console_vport=1026`,
      undefined,
      { isConsoleVirtio: true, script: 'grep " / " /proc/mounts; kata-agent --version' },
    );
    expect(status).toBe(SERVING);
    expect(output).toMatch(/^\S+ \/ squashfs ro,/);
    expect(output.split('\n')[1]).toMatch(/^kata-agent version \d/);
    expect(console).toContain('"msg":"announce"');
  });

  it('is the same, byte for byte, where it is built from nothing a second time', async () => {
    const again = await build('two', { cacheDirectory: 'other' });
    for (const name of [...Object.values(KATA_FILES), modulesInitrdOf(KATA_FILES.image)]) {
      expect(readFileSync(join(again, name)).equals(readFileSync(join(files, name))), name).toBe(true);
    }
  });

  it('takes no more of the disk than it holds', () => {
    const { size, blocks } = statSync(join(files, KATA_FILES.image));
    expect(size % (128 << 20)).toBe(0);
    expect(blocks * 512).toBeLessThan(size);
  });
});
