/** Makes one file of each program. */
import { Buffer } from 'node:buffer';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type BuildOptions, build, formatMessages } from 'esbuild';
import { KataError } from '../src/wire/error.ts';

const ROOT = join(import.meta.dirname, '..');

/** A program that becomes one file. */
interface Bundle {
  readonly entry: string;
  readonly outfile: string;
  readonly format: 'cjs' | 'esm';
  readonly banner?: string;
  /** Identifiers of the sources that become text: each is the bundle of the program named. */
  readonly embeds?: Readonly<Record<string, string>>;
}

const AGENT: Bundle = {
  entry: 'src/agent/main.ts',
  outfile: 'dist/kata-agent.cjs',
  // Node loads CommonJS sooner than a module.
  format: 'cjs',
  embeds: {
    EXEC_WORKER_SOURCE: 'src/agent/exec/worker/main.ts',
    FILE_WORKER_SOURCE: 'src/agent/storage/worker/main.ts',
  },
};

const SANDBOX: Bundle = {
  entry: 'src/cli/main.ts',
  outfile: 'dist/kata-sandbox.mjs',
  format: 'esm',
  // Packages that are CommonJS call require, which a module does not have.
  banner: "import { createRequire as makeRequire } from 'node:module';const require = makeRequire(import.meta.url);",
};

const VMM: Bundle = { entry: 'src/vmm/main.ts', outfile: 'dist/kata-vmm.mjs', format: 'esm' };
const VIRTIOFSD: Bundle = { entry: 'src/cli/kata-virtiofsd.ts', outfile: 'dist/kata-virtiofsd.mjs', format: 'esm' };

/**
 * What all have in common. White space goes, since the guest reads and parses every byte of it; names stay, since stack
 * traces are all that a failure in the guest leaves. Nothing in the output depends on where the sources lie.
 */
const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  target: 'node26',
  minifyWhitespace: true,
  charset: 'utf8',
  legalComments: 'eof',
  write: false,
  logLevel: 'silent',
} as const satisfies BuildOptions;

/**
 * Bundles all programs, and says what it wrote: a file that would be the same is not touched.
 * @throws KataError ERR_COMMAND with the bundler's messages.
 */
export async function bundleAll(log: (line: string) => void = () => {}): Promise<void> {
  for (const one of [AGENT, SANDBOX, VMM, VIRTIOFSD]) {
    if (await bundle(one)) log(`bundle: wrote ${one.outfile}`);
  }
}

async function bundle({ entry, outfile, format, banner, embeds = {} }: Bundle): Promise<boolean> {
  // A file of CommonJS has no address of its own. Whoever needs one has its program embedded instead.
  const define: Record<string, string> = format === 'cjs' ? { 'import.meta.url': '"file:///"' } : {};
  for (const [identifier, embedded] of Object.entries(embeds)) {
    define[identifier] = JSON.stringify(Buffer.from(await bundled(embedded, { format })).toString('utf8'));
  }
  const content = await bundled(entry, { format, define, ...(banner === undefined ? {} : { banner: { js: banner } }) });
  const path = join(ROOT, outfile);
  const present = await readFile(path).catch(() => undefined);
  // An untouched file tells the image's build that nothing has to be done.
  if (present?.equals(content) === true) return false;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return true;
}

/**
 * The one file that an entry becomes.
 * @throws KataError ERR_COMMAND with the bundler's messages. A warning is an error too: it names something that would
 * fail in the guest, such as a file name built at run time.
 */
async function bundled(entry: string, options: BuildOptions): Promise<Uint8Array> {
  const result = await build({ ...COMMON, ...options, entryPoints: [entry] }).catch((error: unknown) => {
    throw new KataError('ERR_COMMAND', `cannot bundle ${entry}: ${KataError.from(error).message}`, { cause: error });
  });
  if (result.warnings.length > 0) {
    const texts = await formatMessages(result.warnings, { kind: 'warning' });
    throw new KataError('ERR_COMMAND', `cannot bundle ${entry}:\n${texts.join('')}`);
  }
  const [file, ...others] = result.outputFiles ?? [];
  if (file === undefined || others.length > 0) throw new KataError('ERR_COMMAND', `${entry} did not become one file`);
  return file.contents;
}
