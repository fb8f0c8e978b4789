/** Runs helper programs of the host to their end. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { KataError } from '../wire/error.ts';

/** Output kept of one stream. A helper prints lines, not data; what is longer is cut at the front. */
const MAX_OUTPUT_BYTES = 1 << 20;

/** How a program ended. */
export interface ProgramResult {
  /** Exit code, or undefined where a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@link runProgram} may be told. */
export interface ProgramOptions {
  /** The program is killed after this many milliseconds. */
  readonly timeoutMs: number;
  readonly cwd?: string;
}

/**
 * Absolute path of a program, looked for in PATH and then in `elsewhere`.
 * @param elsewhere absolute paths of the program in places that are not in PATH, such as `/usr/lib/qemu/virtiofsd`.
 * @param accept tells of an executable file whether it is the program that is meant; each is, where it is not given.
 */
export function findProgram(
  name: string,
  elsewhere: readonly string[] = [],
  accept: (path: string) => boolean = () => true,
): string | undefined {
  const path = process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin';
  const candidates = path.split(delimiter).filter((directory) => directory.startsWith('/'));
  return [...candidates.map((directory) => join(directory, name)), ...elsewhere].find(
    (candidate) => isExecutable(candidate) && accept(candidate),
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a program without input and collects its output.
 * @returns its exit code and what it printed; a code other than 0 is no error here.
 * @throws KataError ERR_HOST where it cannot be started, ERR_DEADLINE where it had to be killed.
 */
export function runProgram(argv: readonly string[], options: ProgramOptions): Promise<ProgramResult> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: options.cwd });
    const stdout = collect(child.stdout);
    const stderr = collect(child.stderr);
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new KataError('ERR_DEADLINE', `${command} did not end within ${options.timeoutMs} ms`));
    }, options.timeoutMs);
    child.on('error', (cause) => {
      clearTimeout(timer);
      reject(new KataError('ERR_HOST', `cannot run ${command}: ${cause.message}`, { cause }));
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? undefined, stdout: stdout(), stderr: stderr() });
    });
  });
}

/**
 * Runs a program that must succeed.
 * @returns its standard output.
 * @throws KataError ERR_COMMAND with the program's last words, or as {@link runProgram}.
 */
export async function mustRun(argv: readonly string[], options: ProgramOptions): Promise<string> {
  const { code, stdout, stderr } = await runProgram(argv, options);
  if (code !== 0) {
    const said = stderr.trim() || stdout.trim() || 'it said nothing';
    throw new KataError('ERR_COMMAND', `${argv.join(' ')} failed (${code ?? 'killed'}): ${said}`);
  }
  return stdout;
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    while (length > MAX_OUTPUT_BYTES && chunks.length > 1) length -= chunks.shift()?.length ?? 0;
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
