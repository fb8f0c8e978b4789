/** Reads the command line of virtiofsd, in either program's form or in both at once, as Kata's shims write it. */
import { KataError } from '../../wire/error.ts';
import { FS_OPTIONS, type FsOption } from './options.ts';

/** What is wanted, free of either program's form. */
export interface FsSettings {
  /** Option -> its last value; true or false for a switch; all values for a list. */
  readonly chosen: ReadonlyMap<FsOption, string | boolean | readonly string[]>;
  /** `-d`: everything that is asked of the program goes to its log. */
  readonly debug: boolean;
}

/** What the arguments ask for. */
export type FsRequest =
  | { readonly kind: 'serve'; readonly settings: FsSettings }
  /** Something to be printed by the program itself, such as its version. */
  | { readonly kind: 'ask'; readonly question: string };

/** Both programs print something and end. */
const QUESTIONS = new Map([
  ['-h', '--help'],
  ['--help', '--help'],
  ['-V', '--version'],
  ['--version', '--version'],
  ['--print-capabilities', '--print-capabilities'],
]);

/** The older name of an option that only the Rust program has. */
const LONG_ALIASES = new Map([['socket', 'socket-path']]);

/** Long options that switch something off. */
const LONG_NEGATIONS = new Map([
  ['no-announce-submounts', 'announce-submounts'],
  ['no-killpriv-v2', 'killpriv-v2'],
  ['no-readdirplus', 'readdirplus'],
]);

/** Words with which the Rust program spells a switch as a value. */
const SWITCH_VALUES = new Map([
  ['always', true],
  ['never', false],
  // It is negotiated with the guest, which has it or has it not: asked for is the nearer of the two.
  ['auto', true],
]);

/**
 * Reads the arguments.
 * @param args without the program.
 * @throws KataError ERR_INVALID_ARGUMENT naming every argument that neither program knows, or the value that is wrong, or
 *   what is missing.
 */
export function parseFsArguments(args: readonly string[]): FsRequest {
  const reader = new Reader(args);
  const question = reader.read();
  if (question !== undefined) return { kind: 'ask', question };
  if (reader.unknown.length > 0) {
    throw invalid(`unknown: ${reader.unknown.map((word) => JSON.stringify(word)).join(', ')}`);
  }
  const names = new Set([...reader.chosen.keys()].map(({ name }) => name));
  if (!names.has('shared-dir')) throw invalid('missing: --shared-dir=DIR or -o source=DIR');
  if (!names.has('fd') && !names.has('socket-path')) throw invalid('missing: --fd=N or --socket-path=PATH');
  if (names.has('fd') && names.has('socket-path')) throw invalid('--fd and --socket-path exclude each other');
  return { kind: 'serve', settings: { chosen: reader.chosen, debug: reader.debug } };
}

/** Reads from the first argument to the last. */
class Reader {
  readonly chosen = new Map<FsOption, string | boolean | readonly string[]>();
  readonly unknown: string[] = [];
  debug = false;
  readonly #args: string[];

  constructor(args: readonly string[]) {
    this.#args = [...args];
  }

  /** @returns the question, where there is one. */
  read(): string | undefined {
    for (let arg = this.#args.shift(); arg !== undefined; arg = this.#args.shift()) {
      const question = QUESTIONS.get(arg);
      if (question !== undefined) return question;
      if (arg === '-d') this.debug = true;
      else if (arg === '-o') this.#words(this.#next('-o'));
      else if (arg.startsWith('-o')) this.#words(arg.slice(2));
      else if (arg.startsWith('--')) this.#long(arg);
      // -f, the foreground, is where we always are: whoever started us waits for us.
      else if (arg !== '-f') this.unknown.push(arg);
    }
    return undefined;
  }

  #next(option: string): string {
    const value = this.#args.shift();
    if (value === undefined) throw invalid(`${option} has no value`);
    return value;
  }

  #words(list: string): void {
    for (const item of splitWords(list)) {
      const [word = '', value] = cut(item);
      const option = FS_OPTIONS.find((each) => each.word === word || each.aliases?.includes(word) === true);
      const negated = FS_OPTIONS.find((each) => each.kind === 'switch' && `no_${each.word}` === word);
      if (option !== undefined) this.#choose(option, `-o ${word}`, value);
      else if (negated !== undefined && value === undefined) this.chosen.set(negated, false);
      else this.unknown.push(`-o ${item}`);
    }
  }

  #long(arg: string): void {
    const [written = '', attached] = cut(arg.slice(2));
    const name = LONG_ALIASES.get(written) ?? LONG_NEGATIONS.get(written) ?? written;
    const option = FS_OPTIONS.find((each) => each.long === name);
    if (option === undefined) this.unknown.push(arg);
    else if (LONG_NEGATIONS.has(written)) this.chosen.set(option, false);
    else if (option.kind === 'switch') this.#choose(option, `--${written}`, attached);
    else this.#choose(option, `--${written}`, attached ?? this.#next(`--${written}`));
  }

  #choose(option: FsOption, written: string, value: string | undefined): void {
    if (option.kind === 'switch') {
      const on = value === undefined ? true : SWITCH_VALUES.get(value);
      if (on === undefined) throw invalid(`${written}: ${JSON.stringify(value)} is not always, auto or never`);
      this.chosen.set(option, on);
      return;
    }
    if (value === undefined) throw invalid(`${written} has no value`);
    const checked = checkValue(option, written, value);
    const before = this.chosen.get(option);
    this.chosen.set(option, option.kind === 'list' ? [...(Array.isArray(before) ? before : []), checked] : checked);
  }
}

function checkValue(option: FsOption, written: string, value: string): string {
  const { values, pattern } = option;
  const meant = option.valueAliases?.[value] ?? value;
  if (values !== undefined && !Object.hasOwn(values, meant)) {
    throw invalid(`${written}: ${JSON.stringify(value)} is not one of ${Object.keys(values).join(', ')}`);
  }
  if (pattern !== undefined && !pattern.expression.test(meant)) {
    throw invalid(`${written}: ${JSON.stringify(value)} must be ${pattern.wanted}`);
  }
  return meant;
}

/** Text before and after the first `=`. */
function cut(text: string): readonly [string, string | undefined] {
  const at = text.indexOf('=');
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** The items of an `-o` list: separated by commas, and a backslash takes away the meaning of what follows it. */
function splitWords(list: string): string[] {
  const items = [''];
  for (let index = 0; index < list.length; index += 1) {
    const character = list[index];
    if (character === ',') items.push('');
    else {
      if (character === '\\' && index + 1 < list.length) index += 1;
      items.push(`${items.pop() ?? ''}${list[index]}`);
    }
  }
  return items.filter((item) => item !== '');
}

function invalid(text: string): KataError {
  return new KataError('ERR_INVALID_ARGUMENT', `arguments: ${text}`);
}
