import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StageCache } from '../../../../build/guest/cache.ts';
import { buildInitrd, type InitrdParts } from '../../../../build/guest/initrd.ts';
import { parseModuleIndex } from '../../../../build/guest/modules.ts';

const VERSION = '6.1.0';
const MODULES = ['kernel/drivers/virtio/virtio.ko', 'kernel/fs/9p/9p-net.ko'];
const CONSOLE = ['kernel/drivers/virtio/virtio.ko', 'kernel/drivers/char/virtio_console.ko'];

describe('buildInitrd()', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-initrd-'));
    for (const file of [...MODULES, ...CONSOLE]) {
      const path = join(directory, 'tree/lib/modules', VERSION, file);
      mkdirSync(join(path, '..'), { recursive: true });
      writeFileSync(path, file);
    }
    for (const name of ['busybox', 'init', 'root.squashfs']) writeFileSync(join(directory, name), name);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  /** Builds one and unpacks it. @returns a reader of its files. */
  const unpacked = async (more: Partial<InitrdParts>): Promise<{ root: string; text: (path: string) => string }> => {
    const source = { origin: 'directory', version: VERSION, image: '', modules: '' } as const;
    const kernel = { source, kernel: '', tree: join(directory, 'tree'), index: parseModuleIndex('', '') };
    const [busybox, init] = [join(directory, 'busybox'), join(directory, 'init')];
    const parts = { kernel, busybox, init, modules: MODULES, ...more };
    const input = readFileSync(await buildInitrd(parts, new StageCache(join(directory, 'cache'))));
    const root = mkdtempSync(join(directory, 'root-'));
    spawnSync('busybox', ['cpio', '-i'], { cwd: root, input });
    return { root, text: (path) => readFileSync(join(root, path), 'utf8') };
  };

  it('has the modules flat, in the order in which they load', async () => {
    const { root, text } = await unpacked({});
    expect(text('etc/modules')).toBe('virtio 9p_net\n');
    expect(text(`lib/modules/${VERSION}/modules.dep`)).toBe('virtio.ko:\n9p-net.ko:\n');
    expect(text(`lib/modules/${VERSION}/9p-net.ko`)).toBe('kernel/fs/9p/9p-net.ko');
    expect(existsSync(join(root, 'etc/console-modules'))).toBe(false);
  });

  it('has those of the console beside them, and none twice', async () => {
    const { root, text } = await unpacked({ consoleModules: CONSOLE });
    expect(text('etc/modules')).toBe('virtio 9p_net\n');
    expect(text('etc/console-modules')).toBe('virtio virtio_console\n');
    expect(readdirSync(join(root, 'lib/modules', VERSION)).toSorted()).toEqual([
      '9p-net.ko',
      'modules.dep',
      'virtio.ko',
      'virtio_console.ko',
    ]);
    expect(text(`lib/modules/${VERSION}/modules.dep`).split('\n').toSorted()).toEqual([
      '',
      '9p-net.ko:',
      'virtio.ko:',
      'virtio_console.ko:',
    ]);
  });

  it('has a root under the name that tells its file system', async () => {
    const { text } = await unpacked({ root: join(directory, 'root.squashfs'), modules: [] });
    expect(text('root.squashfs')).toBe('root.squashfs');
    expect(text('etc/modules')).toBe('');
  });
});
