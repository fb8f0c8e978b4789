/** The built-in image `busybox`, made from the host's own static busybox: it needs no network. */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KataError } from '../../wire/error.ts';
import { findProgram, mustRun } from '../program.ts';
import { placeOnce } from './place-once.ts';
import { EMPTY_CONFIG, type RootImage } from './root-image.ts';

/** Part of the cache's key: to be raised when the layout below changes. */
const LAYOUT = 1;
const LIST_TIMEOUT_MS = 10_000;
const DIRECTORIES = [
  'bin',
  'dev',
  'etc',
  'home',
  'proc',
  'root',
  'run',
  'sbin',
  'sys',
  'tmp',
  'usr/bin',
  'usr/sbin',
  'var/tmp',
];
const ETC_FILES: Readonly<Record<string, string>> = {
  passwd: [
    'root:x:0:0:root:/root:/bin/sh',
    'daemon:x:1:1:daemon:/usr/sbin:/bin/false',
    'nobody:x:65534:65534:nobody:/:/bin/false',
    '',
  ].join('\n'),
  group: ['root:x:0:', 'daemon:x:1:', 'tty:x:5:', 'users:x:100:', 'nogroup:x:65534:', ''].join('\n'),
  hosts: ['127.0.0.1 localhost', '::1 localhost', ''].join('\n'),
};

/**
 * Finds the image in the cache, or makes it.
 * @throws KataError ERR_HOST where the host has no busybox.
 */
export async function busyboxImage(imageDirectory: string): Promise<RootImage> {
  const busybox = findProgram('busybox', ['/usr/bin/busybox', '/bin/busybox']);
  if (busybox === undefined) throw new KataError('ERR_HOST', 'busybox is missing (package busybox-static)');
  const hash = createHash('sha256').update(`${LAYOUT}\n`).update(readFileSync(busybox)).digest('hex');
  const directory = await placeOnce(imageDirectory, `busybox-${hash.slice(0, 16)}`, (building) =>
    build(busybox, join(building, 'rootfs')),
  );
  return { rootfs: join(directory, 'rootfs'), config: { ...EMPTY_CONFIG, cmd: ['/bin/sh'] } };
}

async function build(busybox: string, root: string): Promise<void> {
  for (const directory of DIRECTORIES) mkdirSync(join(root, directory), { recursive: true, mode: 0o755 });
  for (const open of ['tmp', 'var/tmp']) chmodSync(join(root, open), 0o1777);
  chmodSync(join(root, 'root'), 0o700);
  const program = join(root, 'bin/busybox');
  copyFileSync(busybox, program);
  chmodSync(program, 0o755);
  const list = await mustRun([busybox, '--list'], { timeoutMs: LIST_TIMEOUT_MS });
  for (const applet of list.split('\n')) {
    if (applet !== '' && applet !== 'busybox' && !applet.includes('/'))
      symlinkSync('busybox', join(root, 'bin', applet));
  }
  for (const [name, text] of Object.entries(ETC_FILES)) writeFileSync(join(root, 'etc', name), text);
}
