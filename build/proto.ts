/**
 * Makes src/wire/generated/proto.js and proto.d.ts from proto/*.proto with pbjs.
 *
 * Two things about pbjs's own output are changed. The JavaScript is minified, because the agent parses it at each
 * boot. And the declarations say what `decode` really returns: messages whose own messages are complete too, where
 * pbjs declares those as bags of optional properties.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { main as pbjs } from 'protobufjs-cli/pbjs.js';

const ROOT = join(import.meta.dirname, '..');
const PROTO_DIRECTORY = join(ROOT, 'proto');
const OUTPUT_DIRECTORY = join(ROOT, 'src/wire/generated');
const STAMP = join(OUTPUT_DIRECTORY, 'inputs.sha256');
const OUTPUTS = ['proto.js', 'proto.d.ts'] as const;

/** The module that generated code gets its reader and writer from: the part of protobufjs without reflection. */
const RUNTIME = 'protobufjs/minimal.js';

const PBJS_OPTIONS: readonly string[] = [
  ...['--target', 'static-module', '--wrap', 'esm', '--dependency', RUNTIME, '--dts'],
  // Names as in the protocol's tables, and 64-bit numbers exact.
  ...['--keep-case', '--force-long'],
  // What nothing uses is not made: less to parse.
  ...['--no-create', '--no-verify', '--no-convert', '--no-delimited', '--no-typeurl', '--no-service'],
];

function protoFiles(): string[] {
  return readdirSync(PROTO_DIRECTORY)
    .filter((name) => name.endsWith('.proto'))
    .sort()
    .map((name) => join(PROTO_DIRECTORY, name));
}

/** Content hash of everything that the output depends on: the definitions, this file, and the versions of the tools. */
function hashOfInputs(files: readonly string[]): string {
  const tools = ['protobufjs', 'protobufjs-cli', 'esbuild'].map((name) => join(ROOT, 'node_modules', name));
  const hash = createHash('sha256');
  for (const file of [...files, import.meta.filename, ...tools.map((tool) => join(tool, 'package.json'))]) {
    hash.update(file.slice(ROOT.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex');
}

function isUpToDate(hash: string): boolean {
  const present = [STAMP, ...OUTPUTS.map((name) => join(OUTPUT_DIRECTORY, name))].every((file) => existsSync(file));
  return present && readFileSync(STAMP, 'utf8') === hash;
}

function runPbjs(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    pbjs([...args], (error) => (error === null ? resolve() : reject(error)));
  });
}

/**
 * Corrects pbjs's declarations: a field of a class that holds messages holds complete ones, `decode` returns the class,
 * and Long comes in the ESM way.
 * @throws Error where the text is no longer what this expects, so that a new pbjs cannot slip through unnoticed.
 */
function correctDeclarations(text: string): string {
  const FIELD = /^( +(?!static|constructor)[A-Za-z_]\w*\??: .*)$/;
  let depth = 0;
  let fields = 0;
  const lines = text.split('\n').map((line) => {
    if (/^\s+class \w+ \{$/.test(line)) depth = line.search(/\S/) + 1;
    else if (depth > 0 && line.startsWith('}', depth - 1) && line.search(/\S/) === depth - 1) depth = 0;
    if (depth === 0 || !FIELD.test(line) || !line.includes('.$Properties')) return line;
    fields += 1;
    return line.replaceAll('.$Properties', '');
  });
  const decode = /(static decode\(.*\): ([\w.]+)) & \2\.\$Shape;/g;
  const corrected = lines
    .join('\n')
    .replace(decode, '$1;')
    .replace('import Long = require("long");', 'import Long from "long";');
  if (fields === 0 || corrected.includes('.$Shape;') || corrected.includes('require(')) {
    throw new Error('build/proto.ts does not know these declarations of pbjs; correctDeclarations has to be adapted');
  }
  return corrected;
}

/**
 * Generates the protocol code into src/wire/generated; does nothing where its inputs are unchanged.
 * @throws Error with pbjs's text where a definition has a mistake.
 */
export async function generateProtocol(): Promise<void> {
  const files = protoFiles();
  const hash = hashOfInputs(files);
  if (isUpToDate(hash)) return;

  mkdirSync(OUTPUT_DIRECTORY, { recursive: true });
  // Whoever reads the directory meanwhile sees the old files or the new ones, never half of one.
  const scratch = mkdtempSync(join(OUTPUT_DIRECTORY, 'new-'));
  try {
    const script = join(scratch, 'proto.js');
    const declarations = join(scratch, 'proto.d.ts');
    await runPbjs([...PBJS_OPTIONS, '--path', PROTO_DIRECTORY, '--out', script, ...files]);
    const minified = await transform(readFileSync(script, 'utf8'), { format: 'esm', minify: true, target: 'es2024' });
    writeFileSync(script, minified.code);
    writeFileSync(declarations, correctDeclarations(readFileSync(declarations, 'utf8')));
    for (const name of OUTPUTS) renameSync(join(scratch, name), join(OUTPUT_DIRECTORY, name));
    writeFileSync(STAMP, hash);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (import.meta.main) await generateProtocol();
