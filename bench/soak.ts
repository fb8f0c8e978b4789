/**
 * The process tests with their full counts: hours without KVM. The table goes into docs/benchmarks.md, whether or not all
 * tests passed.
 *
 * usage: npm run soak [-- FILTER...], with FILTER a part of a file's name in test/integration/exec
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseAccelerator, findQemu } from '../src/host/accelerator.ts';
import { findImage } from '../src/host/image.ts';
import { cacheRoot } from '../src/host/paths.ts';
import type { Figure } from '../test/integration/support/soak.ts';
import { describeMachine, markdownTable, writeSection } from './support/document.ts';

const ROOT = join(import.meta.dirname, '..');
const TESTS = 'test/integration/exec';

/** Runs the tests. @returns their exit status, and what they reported, in order. */
async function runTests(filters: readonly string[]): Promise<{ status: number; figures: Figure[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'kata-soak-'));
  const file = join(directory, 'figures');
  try {
    const which = filters.length === 0 ? [`${TESTS}/`] : filters.map((filter) => `${TESTS}/${filter}`);
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'integration', '--reporter=verbose', ...which];
    const env = { ...process.env, KATA_SOAK: '1', KATA_SOAK_REPORT: file };
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env });
    const [code] = await once(child, 'exit');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    // Reason for the cast: each line is a figure that the tests wrote.
    return { status: typeof code === 'number' ? code : 1, figures: lines.map((line) => JSON.parse(line) as Figure) };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function main(filters: readonly string[]): Promise<void> {
  const image = findImage();
  const { accelerator } = await chooseAccelerator(await findQemu(), image, cacheRoot());
  const { status, figures } = await runTests(filters);
  const rows = figures.map(({ subject, way, count, result }) => [subject, way ?? '', `${count}`, result]);
  const section = `## soak

The process tests with their full counts, and a tenth of them where the runtime starts the processes.
${status === 0 ? 'All tests passed.' : '**Not all tests passed.**'}

- machine: ${describeMachine()}
- accelerator: ${accelerator.toUpperCase()}, guest kernel ${image.kernelVersion}, one vCPU, 256 MiB
- date: ${new Date().toISOString().slice(0, 10)}

${markdownTable(['case', 'started by', 'count', 'figure'], rows)}
`;
  process.stdout.write(section);
  // A part of the tests must not replace the figures of all.
  if (filters.length === 0) writeSection('soak', section);
  process.exitCode = status;
}

await main(process.argv.slice(2));
