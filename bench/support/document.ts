/** The place where benches put their figures: docs/benchmarks.md, a section each. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { hasErrno } from '../../src/wire/error.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/benchmarks.md');

const PREFACE = `# Benchmarks

Each section is rewritten by \`npm run bench -- NAME\`. Absolute times are those of one machine; the ratios, taken side by
side in one run, are what tells something about the software.
`;

/** The document with the section of that bench put in, or in the place of the one that it has. */
export function withSection(document: string, name: string, section: string): string {
  const [open, close] = [`<!-- bench ${name} -->`, `<!-- end of bench ${name} -->`];
  const block = `${open}\n${section.trim()}\n${close}`;
  const start = document.indexOf(open);
  const end = document.indexOf(close);
  if (start < 0 || end < start) return `${document.trimEnd()}\n\n${block}\n`;
  return document.slice(0, start) + block + document.slice(end + close.length);
}

/** Rewrites a bench's section of the document. */
export function writeSection(name: string, section: string): void {
  writeFileSync(DOCUMENT, withSection(readDocument(), name, section));
}

function readDocument(): string {
  try {
    return readFileSync(DOCUMENT, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return PREFACE;
    throw error;
  }
}

/** One line about the machine that a bench ran on. */
export function describeMachine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? 'unknown processor';
  return `${processors.length} x ${model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`;
}

/** A table in Markdown whose columns are as wide as their texts, numbers to the right. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, ...[head, ...rows].map((row) => (row[column] ?? title).length)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
