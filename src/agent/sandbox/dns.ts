/** Name resolution of the guest itself; containers bring their own resolv.conf. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { MS_BIND, mount } from '../../linux/mount.ts';
import { KataError } from '../../wire/error.ts';
import { BASE } from './paths.ts';

const RESOLV_CONF = '/etc/resolv.conf';

/** The file's text: the given lines without the white space around them. */
export function resolvConf(lines: readonly string[]): string {
  return lines.map((line) => line.trim()).join('\n');
}

/**
 * Puts the lines over the guest's resolv.conf. Without lines, or without that file, it does nothing.
 * @throws KataError ERR_FAILED_PRECONDITION where it is a directory; ERR_SYSCALL.
 */
export function setDns(lines: readonly string[]): void {
  const present = lines.length === 0 ? undefined : statSync(RESOLV_CONF, { throwIfNoEntry: false });
  if (present === undefined) return;
  if (present.isDirectory()) throw new KataError('ERR_INTERNAL', `${RESOLV_CONF} is a directory`);
  const source = `${BASE}/sandbox/resolv.conf`;
  mkdirSync(`${BASE}/sandbox`, { recursive: true });
  writeFileSync(source, resolvConf(lines));
  mount({ source, target: RESOLV_CONF, fstype: '', flags: MS_BIND });
}
