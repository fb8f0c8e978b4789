import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../../../src/cli/kata-virtiofsd.ts', import.meta.url));
const BIN = fileURLToPath(new URL('../../../src/cli/bin/kata-virtiofsd', import.meta.url));

/** Says which of the two it is, or what it was given: its pid, its arguments, and whether it has descriptor 3. */
const fake = (version: string): string => `#!/bin/sh
[ "$1" = --version ] && { echo "${version}"; exit; }
echo $$
for word; do echo "$word"; done
[ -e /proc/$$/fd/3 ] && echo has 3
exit 9
`;

describe('kata-virtiofsd', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kata-virtiofsd-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const install = (name: string, version: string): string => {
    const path = join(directory, name);
    writeFileSync(path, fake(version));
    chmodSync(path, 0o755);
    return path;
  };
  const run = (args: string, env: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, ['--no-warnings', MAIN, ...args.split(' ')], {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });

  it('becomes the program that is named, and hands the socket over', () => {
    const program = install('one', 'virtiofsd 1.13.0');
    const { pid, stdout, stderr, status } = run('-o source=/s --fd=3 -f -o cache=none', { KATA_VIRTIOFSD: program });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual([`${pid}`, '--shared-dir=/s', '--fd=3', '--cache=never', 'has 3']);
    expect(status).toBe(9);
  });

  it('looks for one, and never takes itself', () => {
    const [mine, theirs] = [join(directory, 'a'), join(directory, 'b')];
    for (const path of [mine, theirs]) mkdirSync(path);
    symlinkSync(BIN, join(mine, 'virtiofsd'));
    install('b/virtiofsd', 'virtiofsd version 7.2.0 (QEMU)');
    const { stdout } = run('--shared-dir=/s --fd=3', { PATH: `${mine}:${theirs}:/usr/bin:/bin` });
    expect(stdout).toContain('\n-f\n-o\nsource=/s\n--fd=3\nhas 3\n');
  });

  it('tells what the program cannot do', () => {
    const program = install('one', 'virtiofsd version 7.2.0 (QEMU)');
    const { stderr, stdout } = run('--shared-dir=/s --fd=3 --cache=metadata', { KATA_VIRTIOFSD: program });
    expect(stderr).toContain('kata-virtiofsd: ');
    expect(stderr).toContain('cache=metadata');
    expect(stdout).toContain('cache=none');
  });

  it('ends with 125 and the reason', () => {
    const program = install('one', 'virtiofsd 1.13.0');
    const wrong = run('--shared-dir=/s --fd=3 --bogus', { KATA_VIRTIOFSD: program });
    expect(wrong.status).toBe(125);
    expect(wrong.stderr).toBe('kata-virtiofsd: arguments: unknown: "--bogus"\n');
    const missing = run('--shared-dir=/s --fd=3', { KATA_VIRTIOFSD: join(directory, 'none') });
    expect(missing.status).toBe(125);
    expect(missing.stderr).toContain('none');
  });
});
