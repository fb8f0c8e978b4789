/** Parses TOML and YAML strictly, and keeps the lines. */
import { parse, TomlError } from 'smol-toml';
import { isNode, LineCounter, parseAllDocuments } from 'yaml';
import type { Finding, LocatedFinding, Path } from './finding.ts';
import { tomlLocator } from './toml-lines.ts';

/** A parsed file, or one of several documents in it. */
export interface ParsedDocument {
  readonly value: unknown;
  /** Line of a value, counted from 1; that of what is around it where it has none of its own. */
  readonly lineOf: (path: Path) => number | undefined;
}

/** Either the documents, of which a TOML file has one, or why the text is none. */
export type Parsed =
  | { readonly kind: 'documents'; readonly documents: readonly ParsedDocument[] }
  | { readonly kind: 'broken'; readonly findings: readonly LocatedFinding[] };

function broken(text: string, line: number | undefined): LocatedFinding {
  return { kind: 'wrong', path: [], text, line };
}

/** Parses TOML. Whole numbers come as bigint. */
export function parseTomlText(source: string): Parsed {
  try {
    const value = parse(source, { integersAsBigInt: true });
    return { kind: 'documents', documents: [{ value, lineOf: tomlLocator(source) }] };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0] ?? '';
    return { kind: 'broken', findings: [broken(reason, error.line)] };
  }
}

/** Parses YAML: no key twice, no unknown tag. Whole numbers come as bigint. */
export function parseYamlText(source: string): Parsed {
  const counter = new LineCounter();
  const documents = parseAllDocuments(source, {
    lineCounter: counter,
    intAsBigInt: true,
    uniqueKeys: true,
    version: '1.2',
  });
  if (!Array.isArray(documents)) return { kind: 'broken', findings: [broken('the file is empty', undefined)] };
  const findings = documents.flatMap(({ errors, warnings }) =>
    [...errors, ...warnings].map(({ message, linePos }) => broken(message.split('\n')[0] ?? '', linePos?.[0].line)),
  );
  if (findings.length > 0) return { kind: 'broken', findings };
  const parsed = documents.map((document): ParsedDocument => {
    const lineOf = (path: Path): number | undefined => {
      for (let length = path.length; length >= 0; length -= 1) {
        const node = document.getIn(path.slice(0, length), true);
        if (isNode(node) && node.range != null) return counter.linePos(node.range[0]).line;
      }
      return undefined;
    };
    return { value: document.toJS(), lineOf };
  });
  return { kind: 'documents', documents: parsed };
}

/** The findings with their lines, in the order of the file. */
export function located(findings: readonly Finding[], { lineOf }: ParsedDocument): LocatedFinding[] {
  return findings
    .map((finding) => ({ ...finding, line: lineOf(finding.path) }))
    .toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
