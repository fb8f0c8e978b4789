/** Runs the command line program as a user does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** The program that npm installs. */
const BIN = fileURLToPath(new URL('../../../src/cli/bin/kata-sandbox', import.meta.url));

/** How a run of the program ended. */
export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** From its start to its end (ms). */
  readonly tookMs: number;
}

/** A run of the program. */
export interface CliRun {
  readonly child: ChildProcess;
  readonly ended: Promise<CliResult>;
  /** Resolves when standard error holds `text`; rejects with all of it where the program ends without. */
  stderrHas(text: string): Promise<void>;
  /** Standard output so far. */
  output(): string;
}

/** Starts `kata-sandbox` with arguments. */
export function startCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  stdin: 'ignore' | 'pipe' = 'ignore',
): CliRun {
  const started = performance.now();
  const child = spawn(BIN, args, { stdio: ['pipe', 'pipe', 'pipe'], env });
  if (stdin === 'ignore') child.stdin.end();
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  const ended = once(child, 'close').then(([code, signal]) => ({
    code,
    signal,
    stdout: Buffer.concat(stdout),
    stderr,
    tookMs: performance.now() - started,
  }));
  const stderrHas = async (text: string): Promise<void> => {
    while (!stderr.includes(text)) {
      const over = await Promise.race([once(child.stderr, 'data').then(() => false), ended.then(() => true)]);
      if (over && !stderr.includes(text))
        throw new Error(`the program ended without ${JSON.stringify(text)}: ${stderr}`);
    }
  };
  const output = (): string => Buffer.concat(stdout).toString('latin1');
  return { child, ended, stderrHas, output };
}

/** Runs `kata-sandbox` to its end. */
export function cli(...args: string[]): Promise<CliResult> {
  return startCli(args).ended;
}
