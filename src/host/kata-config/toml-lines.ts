/** Finds the lines of a TOML file on which its tables and keys stand; the parser does not tell them. */
import type { Path } from './finding.ts';

const PART = `(?:"(?:[^"\\\\]|\\\\.)*"|'[^']*'|[\\w-]+)`;
const DOTTED = `${PART}(?:\\s*\\.\\s*${PART})*`;
const TABLE = new RegExp(`^\\s*\\[\\[?\\s*(${DOTTED})\\s*\\]\\]?`);
const KEY = new RegExp(`^\\s*(${DOTTED})\\s*=`);
const PARTS = new RegExp(PART, 'g');
/** What begins and ends a text of several lines. */
const FENCE = /"""|'''/g;

/**
 * The line of each table and key of a file that the parser has accepted, by their names joined. A table without a line has
 * that of the first thing in it, and a list of tables that of its last one; what stands inside of a value has none.
 */
function tomlLines(source: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  let table: readonly string[] = [];
  let inText = false;
  source.split('\n').forEach((line, index) => {
    if (!inText) {
      const header = TABLE.exec(line)?.[1];
      const key = KEY.exec(line)?.[1];
      // A line of a list over several lines can begin with a bracket too, but not with a bare name and its end.
      if (header !== undefined) table = names(header);
      const path = header !== undefined ? table : key !== undefined ? [...table, ...names(key)] : undefined;
      if (path !== undefined) {
        lines.set(joined(path), index + 1);
        for (let length = path.length - 1; length > 0; length -= 1) {
          const parent = joined(path.slice(0, length));
          if (!lines.has(parent)) lines.set(parent, index + 1);
        }
      }
    }
    if ((line.match(FENCE) ?? []).length % 2 === 1) inText = !inText;
  });
  return lines;
}

/** A function from the path of a value to the line of the nearest thing around it that has one. */
export function tomlLocator(source: string): (path: Path) => number | undefined {
  const lines = tomlLines(source);
  return (path) => {
    const steps = path.filter((step) => typeof step === 'string');
    for (let length = steps.length; length > 0; length -= 1) {
      const line = lines.get(joined(steps.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  };
}

function names(dotted: string): string[] {
  return (dotted.match(PARTS) ?? []).map((part) => (/^["']/.test(part) ? part.slice(1, -1) : part));
}

function joined(path: readonly string[]): string {
  return path.join('\0');
}
