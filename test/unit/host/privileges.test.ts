import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../src/host/package-root.ts';

const FILE = join(packageRoot(), 'src/host/privileges.ts');

/** What `mayMount` says in a process that setpriv starts with the given options. */
function answer(...options: readonly string[]): string {
  const script = `import(${JSON.stringify(FILE)}).then((m) => console.log(m.mayMount()))`;
  const argv = [...options, process.execPath, '--input-type=module', '--eval', script];
  const done = spawnSync('setpriv', argv, { encoding: 'utf8' });
  expect(done.stderr).toBe('');
  return done.stdout.trim();
}

describe('mayMount()', () => {
  it('tells root from one who gave the capability away', () => {
    expect(answer('--no-new-privs')).toBe('true');
    expect(answer('--bounding-set=-sys_admin', '--inh-caps=-sys_admin')).toBe('false');
  });
});
