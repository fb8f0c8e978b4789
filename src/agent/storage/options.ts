/** Options of a storage. Each element of the list is one option; none is split at its commas. */
import {
  MS_DIRSYNC,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_RELATIME,
  MS_REMOUNT,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
} from '../../linux/mount.ts';
import { KataError } from '../../wire/error.ts';

/** Words that set a flag of mount(2), and words that clear one; mount(8). */
const SET_WORDS: ReadonlyMap<string, number> = new Map([
  ['ro', MS_RDONLY],
  ['nosuid', MS_NOSUID],
  ['nodev', MS_NODEV],
  ['noexec', MS_NOEXEC],
  ['sync', MS_SYNCHRONOUS],
  ['dirsync', MS_DIRSYNC],
  ['noatime', MS_NOATIME],
  ['nodiratime', MS_NODIRATIME],
  ['relatime', MS_RELATIME],
  ['strictatime', MS_STRICTATIME],
  ['remount', MS_REMOUNT],
]);
const CLEAR_WORDS: ReadonlyMap<string, number> = new Map([
  ['defaults', 0],
  ['rw', MS_RDONLY],
  ['suid', MS_NOSUID],
  ['dev', MS_NODEV],
  ['exec', MS_NOEXEC],
  ['async', MS_SYNCHRONOUS],
  ['atime', MS_NOATIME],
  ['diratime', MS_NODIRATIME],
  ['norelatime', MS_RELATIME],
  ['nostrictatime', MS_STRICTATIME],
]);

/** Options with this prefix are for the agent, not for the kernel. */
const AGENT_PREFIX = 'io.katacontainers.';

/** Options as mount(2) takes them. */
export interface MountArguments {
  /** MS_* bits. */
  readonly flags: number;
  /** Options of the file system itself, joined by commas. */
  readonly data: string;
}

/**
 * The options that the kernel is to see.
 * @throws KataError (INTERNAL on the wire) for `loop`, which would need a loop device.
 */
export function kernelOptions(options: readonly string[]): readonly string[] {
  if (options.includes('loop')) throw new KataError('ERR_INTERNAL', 'storage options: "loop" is not supported');
  return options.filter((option) => option !== '' && !option.startsWith(AGENT_PREFIX));
}

/** Sorts options into flags and data. Later words win. */
export function mountArguments(options: readonly string[]): MountArguments {
  let flags = 0;
  const data: string[] = [];
  for (const option of kernelOptions(options)) {
    const set = SET_WORDS.get(option);
    const clear = CLEAR_WORDS.get(option);
    if (set !== undefined) flags |= set;
    else if (clear !== undefined) flags &= ~clear;
    else data.push(option);
  }
  return { flags, data: data.join(',') };
}

/** Those of a mount's options, as the kernel's table has them, that are flags of the mount. */
export function flagWords(options: string): readonly string[] {
  return options.split(',').filter((word) => SET_WORDS.has(word) || CLEAR_WORDS.has(word));
}

/** Value of the last option `name=value`; undefined where there is none. */
export function optionValue(options: readonly string[], name: string): string | undefined {
  return options.findLast((option) => option.startsWith(`${name}=`))?.slice(name.length + 1);
}

/**
 * Value of a numeric option.
 * @param radix 8 for a mode, 10 for an id.
 * @throws KataError (INTERNAL on the wire) naming option and value where it is no such number.
 */
export function numberOption(options: readonly string[], name: string, radix: 8 | 10): number | undefined {
  const value = optionValue(options, name);
  if (value === undefined) return undefined;
  const digits = radix === 8 ? /^[0-7]{1,6}$/ : /^[0-9]{1,10}$/;
  if (!digits.test(value)) throw new KataError('ERR_INTERNAL', `storage options: ${name}=${value} is no number`);
  return Number.parseInt(value, radix);
}
