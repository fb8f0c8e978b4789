import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

const WATCH = new URL('../../../src/vmm/parent-watch.ts', import.meta.url).href;
const CHILD = `import { watchParent } from '${WATCH}'; watchParent(() => { console.log('gone'); process.exit(); }); console.log('up');`;

describe('watchParent()', () => {
  it('tells when the parent was killed, and not before', async () => {
    const node = [process.execPath, '--no-warnings', '--input-type=module-typescript', '-e', '"$CHILD"'].join(' ');
    // A shell that has two commands does not become the first one.
    const parent = spawn('/bin/sh', ['-c', `${node}; exit 1`], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, CHILD },
    });
    let said = '';
    parent.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    await expect.poll(() => said, { timeout: 20_000 }).toBe('up\n');
    const closed = once(parent.stdout, 'close');
    parent.kill('SIGKILL');
    await closed;
    expect(said).toBe('up\ngone\n');
  });
});
