/** Reads the values of command line options. */
import { constants } from 'node:os';
import { InvalidArgumentError } from 'commander';
import type { Volume } from '../host/share.ts';

/** A whole number from 1. */
export function parseCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1.');
  return Number(text);
}

/** The last real-time signal; signal(7). */
const SIGNAL_MAX = 64;

/** A signal by its number, or by its name with or without `SIG`. */
export function parseSignal(text: string): number {
  const name = text.toUpperCase().replace(/^(SIG)?/, 'SIG');
  const named = Object.entries(constants.signals).find(([each]) => each === name)?.[1];
  const number = named ?? (/^\d{1,2}$/.test(text) ? Number(text) : -1);
  if (number < 0 || number > SIGNAL_MAX) throw new InvalidArgumentError('It must be a signal, such as TERM or 15.');
  return number;
}

/** `SRC:DST` or `SRC:DST:ro`, appended to the volumes before it. */
export function parseVolume(text: string, before: readonly Volume[]): Volume[] {
  const [source = '', destination = '', mode = 'rw', ...rest] = text.split(':');
  if (source === '' || !destination.startsWith('/') || (mode !== 'ro' && mode !== 'rw') || rest.length > 0) {
    throw new InvalidArgumentError('It must be SRC:DST or SRC:DST:ro, DST an absolute path.');
  }
  return [...before, { source, destination, readOnly: mode === 'ro' }];
}

/** `KEY` or `KEY=VALUE`, appended to the words before it. */
export function parseKernelParameter(text: string, before: readonly string[]): string[] {
  // The kernel cuts at white space, takes quotes for its own, and gives what follows a `--` to the first process.
  if (!/^[A-Za-z0-9_][\w.-]*(=[!#-~]*)?$/.test(text)) {
    throw new InvalidArgumentError('It must be KEY or KEY=VALUE, without white space and quotation marks.');
  }
  return [...before, text];
}

/** `NAME=value`, or `NAME` for the value that we have ourselves; appended to the entries before it. */
export function parseEnv(text: string, before: readonly string[]): string[] {
  const name = text.split('=', 1)[0] ?? '';
  if (name === '') throw new InvalidArgumentError('It must be NAME=VALUE.');
  if (text.includes('=')) return [...before, text];
  const value = process.env[name];
  return value === undefined ? [...before] : [...before, `${name}=${value}`];
}
