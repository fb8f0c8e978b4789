/** The tasks behind the npm scripts, run on the pinned Node after build/setup.mjs has installed what they need. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KataError } from '../src/wire/error.ts';
import { bundleAll } from './bundle.ts';
import { buildImage } from './guest/image.ts';
import { generateProtocol } from './proto.ts';

const ROOT = join(import.meta.dirname, '..');
const FLAGS = ['--disable-warning=ExperimentalWarning'];

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Runs a program in the foreground and resolves with its exit status (128 + signal where it was killed). */
function run(command: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

const node = (script: string, ...args: string[]): Promise<number> =>
  run(process.execPath, [...FLAGS, join(ROOT, script), ...args]);

/** Protocol code, the two bundles, the guest image: each step does nothing where its inputs are unchanged. */
async function build(): Promise<void> {
  await generateProtocol();
  await bundleAll();
  await buildImage({ log: say });
}

interface Check {
  readonly what: string;
  readonly script: string;
  readonly args: readonly string[];
}

const CHECKS: readonly Check[] = [
  {
    what: 'format and lint',
    script: 'node_modules/@biomejs/biome/bin/biome',
    args: ['ci', '--error-on-warnings', '--colors=off'],
  },
  { what: 'types', script: 'node_modules/typescript/bin/tsc', args: ['--project', '.'] },
  {
    what: 'dependency rules',
    script: 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    args: ['src', 'build', 'test', 'bench', '--output-type', 'err'],
  },
  { what: 'unused code', script: 'node_modules/knip/bin/knip.js', args: [] },
  { what: 'repeated code', script: 'node_modules/jscpd/bin/jscpd', args: ['--config', '.jscpd.json'] },
];

async function check(): Promise<number> {
  await generateProtocol();
  for (const { what, script, args } of CHECKS) {
    say(`check: ${what}`);
    const status = await node(script, ...args);
    if (status !== 0) {
      say(`check: ${what} failed`);
      return status;
    }
  }
  return 0;
}

interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly success: boolean;
}

/** Runs vitest and closes with one plain line of counts. A run in which no test ran is a failure. */
async function vitest(args: readonly string[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'kata-agent-ts-test-'));
  const file = join(directory, 'report.json');
  try {
    const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${file}`];
    const status = await node('node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args);
    // Reason for the cast: the file is vitest's own JSON report of the run above.
    const report = JSON.parse(readFileSync(file, 'utf8')) as TestReport;
    const { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped } = report;
    const clean = status === 0 && report.success && passed > 0;
    process.stdout.write(`${passed} passed, ${clean ? failed : Math.max(failed, 1)} failed, ${skipped} skipped\n`);
    return clean ? 0 : Math.max(status, 1);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function test(args: readonly string[]): Promise<number> {
  await build();
  const checked = args.length === 0 ? await check() : 0;
  return checked === 0 ? await vitest(args) : checked;
}

async function start(args: readonly string[]): Promise<number> {
  await build();
  return await run(join(ROOT, 'src/cli/bin/kata-sandbox'), ['demo', ...args]);
}

async function bench(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) {
    say('usage: npm run bench -- NAME, with NAME a file of bench/ without its ending');
    return 2;
  }
  await build();
  return await node(`bench/${name}.ts`, ...rest);
}

async function docs(): Promise<number> {
  await generateProtocol();
  // It imports what was generated just now.
  const { writeDocs } = await import('./docs.ts');
  say(writeDocs() ? 'docs/rpc.md: written' : 'docs/rpc.md: up to date');
  return 0;
}

async function main(): Promise<number> {
  const [task, ...args] = process.argv.slice(2);
  switch (task) {
    case 'start':
      return await start(args);
    case 'test':
      return await test(args);
    case 'check':
      return await check();
    case 'build':
      await build();
      return 0;
    case 'docs':
      return await docs();
    case 'bench':
      return await bench(args);
    case 'soak':
      return await bench(['soak', ...args]);
    default:
      say(`no task ${JSON.stringify(task)}; there are start, test, check, build, docs, bench, soak`);
      return 2;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  // What a user can mend is told in one line; anything else is a fault of ours, and its stack is of use.
  if (!(error instanceof KataError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
