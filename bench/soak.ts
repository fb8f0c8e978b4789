/**
 * The process tests with their full counts: hours without KVM. Each file of tests has a section of its own in
 * docs/benchmarks.md, which is written when the file has ended, whether or not its tests passed.
 *
 * usage: npm run soak [-- NAME...], with NAME a file in test/integration/exec without its ending; else all of them
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseAccelerator, findQemu } from '../src/host/accelerator.ts';
import { findImage } from '../src/host/image.ts';
import { cacheRoot } from '../src/host/paths.ts';
import type { Figure } from '../test/integration/support/soak.ts';
import { describeMachine, markdownTable, writeSection } from './support/document.ts';

const ROOT = join(import.meta.dirname, '..');
const TESTS = 'test/integration/exec';
const ENDING = '.test.ts';

/** What a file of tests came to. */
interface Outcome {
  readonly status: number;
  /** What its tests reported, in order. */
  readonly figures: readonly Figure[];
  readonly minutes: number;
}

async function runTests(name: string): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), 'kata-soak-'));
  const file = join(directory, 'figures');
  const began = performance.now();
  try {
    const which = `${TESTS}/${name}${ENDING}`;
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'integration', '--reporter=verbose', which];
    const env = { ...process.env, KATA_SOAK: '1', KATA_SOAK_REPORT: file };
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env });
    const [code] = await once(child, 'exit');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    // Reason for the cast: each line is a figure that the tests wrote.
    const figures = lines.map((line) => JSON.parse(line) as Figure);
    return { status: typeof code === 'number' ? code : 1, figures, minutes: (performance.now() - began) / 60_000 };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function sectionOf(name: string, { status, figures, minutes }: Outcome, accelerator: string): string {
  const rows = figures.map(({ subject, way, count, result }) => [subject, way ?? '', `${count}`, result]);
  return `## soak: ${name}

\`npm run soak -- ${name}\`, ${minutes.toFixed(0)} minutes. ${status === 0 ? 'All tests passed.' : '**Not all tests passed.**'}

- machine: ${describeMachine()}
- accelerator: ${accelerator.toUpperCase()}, guest kernel ${findImage().kernelVersion}, one vCPU, 256 MiB
- date: ${new Date().toISOString().slice(0, 10)}

${rows.length === 0 ? 'It has no counts.' : markdownTable(['case', 'started by', 'count', 'figure'], rows)}
`;
}

async function main(names: readonly string[]): Promise<void> {
  const { accelerator } = await chooseAccelerator(await findQemu(), findImage(), cacheRoot());
  for (const name of names) {
    const outcome = await runTests(name);
    const section = sectionOf(name, outcome, accelerator);
    process.stdout.write(section);
    writeSection(`soak-${name}`, section);
    if (outcome.status !== 0) process.exitCode = outcome.status;
  }
}

const known = readdirSync(join(ROOT, TESTS)).flatMap((file) =>
  file.endsWith(ENDING) ? [file.slice(0, -ENDING.length)] : [],
);
const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`soak: ${unknown.join(', ')}: not among ${known.join(', ')}\n`);
  process.exitCode = 2;
} else {
  await main(asked.length === 0 ? known : asked);
}
