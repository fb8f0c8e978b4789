/** The arguments of kata-vmm: those that a shim gives to the machine monitor whose place it takes. */
import { KataError } from '../wire/error.ts';

/** What is to be done. */
export type Order =
  | { readonly is: 'serve'; readonly apiSocket: string; readonly verbosity: number }
  | { readonly is: 'version' };

/** Options with one value that change nothing here: system calls are not filtered, and the log is standard error. */
const IGNORED_WITH_VALUE = new Set(['--seccomp']);

/**
 * Reads the arguments, without the program's own name. `--api-socket PATH`, `--api-socket=PATH` and `path=PATH` as the
 * value are all understood; each `v` of `-v`, `-vv` adds to the log.
 * @throws KataError ERR_INVALID_ARGUMENT, naming the argument.
 */
export function parseCommandLine(argv: readonly string[]): Order {
  const words = argv.flatMap((word) => (word.startsWith('--') && word.includes('=') ? splitAtFirst(word) : [word]));
  let apiSocket: string | undefined;
  let verbosity = 0;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    if (word === '--version' || word === '-V') return { is: 'version' };
    if (/^-v+$/.test(word)) {
      verbosity += word.length - 1;
      continue;
    }
    if (word !== '--api-socket' && !IGNORED_WITH_VALUE.has(word)) {
      throw new KataError('ERR_INVALID_ARGUMENT', `unknown argument ${JSON.stringify(word)}`);
    }
    at += 1;
    const value = words[at];
    if (value === undefined) throw new KataError('ERR_INVALID_ARGUMENT', `${word} has no value`);
    if (word === '--api-socket') apiSocket = value.replace(/^path=/, '');
  }
  if (apiSocket === undefined) throw new KataError('ERR_INVALID_ARGUMENT', '--api-socket PATH is missing');
  if (!apiSocket.startsWith('/')) {
    throw new KataError('ERR_INVALID_ARGUMENT', `--api-socket ${JSON.stringify(apiSocket)} is not an absolute path`);
  }
  return { is: 'serve', apiSocket, verbosity };
}

function splitAtFirst(word: string): string[] {
  const at = word.indexOf('=');
  return [word.slice(0, at), word.slice(at + 1)];
}
