/** Runs a piece of TypeScript in a process of its own, with namespaces of its own. */
import { spawnSync } from 'node:child_process';

const LINUX = new URL('../../../src/linux/', import.meta.url).href;
/** Only stops a hang (ms). */
const LIMIT_MS = 30_000;

/**
 * Runs `body` after `import`s of `names` from `src/linux/<file>.ts`, in a child of `unshare`.
 * @param flags of unshare(1), such as `['-m', '-u']`; after a `--` also a program that starts the child, such as setpriv.
 * @param imports file -> names.
 * @returns what the child printed.
 * @throws where the child fails; the message has what it printed on stderr.
 */
export function runInNamespaces(
  flags: readonly string[],
  imports: Readonly<Record<string, string>>,
  body: string,
): string {
  const lines = Object.entries(imports).map(([file, names]) =>
    file.startsWith('node:') ? `import { ${names} } from '${file}';` : `import { ${names} } from '${LINUX}${file}.ts';`,
  );
  const source = [...lines, body].join('\n');
  const node = [process.execPath, '--no-warnings', '--input-type=module-typescript', '-e', source];
  const result = spawnSync('unshare', [...flags, '--', ...node], { encoding: 'utf8', timeout: LIMIT_MS });
  if (result.status !== 0) throw new Error(`status ${result.status}, signal ${result.signal}: ${result.stderr}`);
  return result.stdout;
}
