/** Readers of the single values of a request. All of them name the field and the value where it is wrong. */
import { isAbsolute, normalize } from 'node:path';
import type { Decoder } from '../../host/keeper/json.ts';
import { KataError } from '../../wire/error.ts';

/** Longest path that the kernel takes, its final NUL left out (limits.h, PATH_MAX). */
const PATH_MAX_BYTES = 4095;
/** Bytes of a Unix socket's path, its final NUL left out (unix(7)). */
const SOCKET_PATH_MAX_BYTES = 107;
/** Bytes of an interface's name, its final NUL left out (net/if.h, IFNAMSIZ). */
const INTERFACE_NAME_MAX_BYTES = 15;
/** Bytes of the tag of a shared file system (virtio 1.2, 5.11.4). */
const TAG_MAX_BYTES = 36;
/** Longest kernel command line of an x86 guest, its final NUL left out (the kernel's COMMAND_LINE_SIZE). */
const COMMAND_LINE_MAX_BYTES = 2047;
/** Longer values are cut in error messages. */
const SHOWN_CHARACTERS = 100;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are exactly what is refused
const CONTROL_CHARACTER = /[\x00-\x1f\x7f]/;

/** The error of a value that is of the right type and yet cannot be used. */
export function wrongValue(where: string, value: unknown, rule: string): KataError {
  const shown = String(JSON.stringify(value)).slice(0, SHOWN_CHARACTERS);
  return new KataError('ERR_INVALID_ARGUMENT', `${where}: ${shown} is not ${rule}`);
}

/** A string that fits `isGood`, described by `rule`. */
function textThat(rule: string, isGood: (text: string) => boolean): Decoder<string> {
  return (value, where) => {
    if (typeof value !== 'string' || !isGood(value)) throw wrongValue(where, value, rule);
    return value;
  };
}

function isPlainPath(text: string): boolean {
  return isAbsolute(text) && normalize(text) === text && !CONTROL_CHARACTER.test(text) && !text.endsWith('/');
}

/** An absolute path without `..`, `//` or control characters. */
export const path = textThat(
  'an absolute path in its shortest form',
  (text) => isPlainPath(text) && Buffer.byteLength(text) <= PATH_MAX_BYTES,
);

/** As {@link path}, short enough for a Unix socket. */
export const socketPath = textThat(
  `an absolute path in its shortest form, of at most ${SOCKET_PATH_MAX_BYTES} bytes`,
  (text) => isPlainPath(text) && Buffer.byteLength(text) <= SOCKET_PATH_MAX_BYTES,
);

/** Name by which later requests mean a device. */
export const deviceId = textThat('1 to 64 of letters, digits, "_", "." and "-"', (text) =>
  /^[A-Za-z0-9_.-]{1,64}$/.test(text),
);

/** Name of a network interface. */
export const interfaceName = textThat(
  `an interface name of 1 to ${INTERFACE_NAME_MAX_BYTES} bytes`,
  (text) =>
    /^[^\s/]+$/.test(text) && !CONTROL_CHARACTER.test(text) && Buffer.byteLength(text) <= INTERFACE_NAME_MAX_BYTES,
);

/** Hardware address, six bytes as hex with colons. */
export const macAddress = textThat('a hardware address', (text) => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text));

/** Name by which the guest mounts a shared file system. */
export const shareTag = textThat(
  `a tag of 1 to ${TAG_MAX_BYTES} bytes`,
  (text) => text !== '' && !CONTROL_CHARACTER.test(text) && Buffer.byteLength(text) <= TAG_MAX_BYTES,
);

/** Words for the guest's kernel. */
export const commandLine = textThat(
  `a line of at most ${COMMAND_LINE_MAX_BYTES} bytes`,
  (text) => !CONTROL_CHARACTER.test(text) && Buffer.byteLength(text) <= COMMAND_LINE_MAX_BYTES,
);

/** A whole number of the range given. */
export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): Decoder<number> {
  return (value, where) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw wrongValue(where, value, `a whole number from ${least} to ${most}`);
  };
}
