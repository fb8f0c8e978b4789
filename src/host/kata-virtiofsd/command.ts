/** Writes the wanted settings in the form of the virtiofsd that the machine has. */
import { KataError } from '../../wire/error.ts';
import type { VirtiofsdKind } from '../virtiofsd.ts';
import type { FsSettings } from './arguments.ts';
import type { FsOption, Stranger } from './options.ts';

/** Arguments, and what of the settings is not in them. */
export interface FsCommand {
  readonly args: readonly string[];
  /** Sentences about what the program cannot do and was left out, or replaced by the nearest. */
  readonly notes: readonly string[];
}

const PROGRAM = { c: "QEMU's C virtiofsd", rust: 'the Rust virtiofsd' } as const;

/**
 * The settings as arguments of one of the two programs.
 * @throws KataError ERR_UNIMPLEMENTED naming the options that it does not have and without which the share would not be
 *   what was asked for.
 */
export function fsCommand(settings: FsSettings, kind: VirtiofsdKind): FsCommand {
  const writer = new Writer(kind);
  for (const [option, value] of settings.chosen) {
    // One level is all that the Rust program takes, and debugging asks for the highest.
    if (!(settings.debug && kind === 'rust' && option.name === 'log-level')) writer.add(option, value);
  }
  if (writer.refused.length > 0) {
    throw new KataError('ERR_UNIMPLEMENTED', `${PROGRAM[kind]} cannot do ${writer.refused.join('; ')}`);
  }
  return { args: [...mode(settings, kind), ...writer.args], notes: writer.notes };
}

/** The C program leaves the foreground where nothing keeps it there, and the one who waits for it would see it end. */
function mode({ debug }: FsSettings, kind: VirtiofsdKind): string[] {
  if (kind === 'c') return [debug ? '-d' : '-f'];
  return debug ? ['--log-level=debug'] : [];
}

class Writer {
  readonly args: string[] = [];
  readonly notes: string[] = [];
  readonly refused: string[] = [];
  readonly #kind: VirtiofsdKind;

  constructor(kind: VirtiofsdKind) {
    this.#kind = kind;
  }

  add(option: FsOption, value: string | boolean | readonly string[]): void {
    const stranger = this.#kind === 'c' ? option.notInC : option.notInRust;
    // Off is what a program does that does not have the thing.
    if (stranger !== undefined) {
      if (value !== false) this.#without(option.name, stranger);
    } else if (typeof value === 'boolean') this.#addSwitch(option, value);
    else for (const each of typeof value === 'string' ? [value] : value) this.#addValue(option, each);
  }

  #without(what: string, { otherwise, reason }: Stranger): void {
    if (otherwise === 'refuse') this.refused.push(`${what}: ${reason}`);
    else this.notes.push(`${PROGRAM[this.#kind]} has no ${what}, which is left out: ${reason}`);
  }

  #addSwitch({ word, long, longInC }: FsOption, on: boolean): void {
    if (this.#kind === 'c' && longInC !== true) this.args.push('-o', on ? `${word}` : `no_${word}`);
    else if (on && long !== 'readdirplus') this.args.push(`--${long}`);
    // Of the rest, all are off where they are not named.
    else if (!on && (long === 'readdirplus' || long === 'announce-submounts')) this.args.push(`--no-${long}`);
  }

  #addValue(option: FsOption, value: string): void {
    const { word, long } = option;
    if (this.#kind === 'rust') {
      this.args.push(`--${long}=${value}`);
      return;
    }
    const name = option.values?.[value] ?? value;
    if (typeof name === 'object' && 'otherwise' in name) {
      this.#without(`${option.name}=${value}`, name);
      return;
    }
    if (typeof name === 'object') {
      this.notes.push(`${PROGRAM.c} has no ${option.name}=${value}; it gets ${name.nearest}`);
    }
    const text = typeof name === 'object' ? name.nearest : name;
    if (option.longInC === true) this.args.push(`--${long}=${text}`);
    else this.args.push('-o', `${word}=${text.replace(/[,\\]/g, '\\$&')}`);
  }
}
