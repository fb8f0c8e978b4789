/** Runs a piece of TypeScript beside a container, in a process of its own. */
import { spawnSync } from 'node:child_process';
import { removeCgroups } from '../remove-cgroups.ts';

const HERE = new URL('./container-lab.ts', import.meta.url).href;
const REPO = new URL('../../../../', import.meta.url).href;
/** Only stops a hang (ms). */
const LIMIT_MS = 50_000;

/** A /run of its own, and version 2 of the hierarchy, whatever the machine has. */
const PREPARE = `
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec "$@"`;

/**
 * Runs `body` with `lab`, a ContainerLab, and `capabilities`, `fs`, `spawnSync`, `sleep`, and `source(path)`, which imports
 * from the project.
 * @returns what it returns, by way of JSON.
 * @throws where the process fails; the message has what it printed on stderr.
 */
export function besideContainer<T>(body: string): T {
  const source = `
    import { capabilities, ContainerLab } from '${HERE}';
    import * as fs from 'node:fs';
    import { spawnSync } from 'node:child_process';
    import { setTimeout as sleep } from 'node:timers/promises';
    const source = (path) => import('${REPO}' + path);
    const lab = ContainerLab.start();
    let result;
    try {
      result = await (async () => { ${body} })();
    } finally {
      lab.stop();
    }
    process.stdout.write(JSON.stringify(result));`;
  const node = [process.execPath, '--no-warnings', '--input-type=module-typescript', '-e', source];
  const options = { encoding: 'utf8', timeout: LIMIT_MS } as const;
  const result = spawnSync('unshare', ['-m', 'sh', '-ec', PREPARE, 'sh', ...node], options);
  if (result.status !== 0) {
    // It may have been ended for its time, with the container there.
    removeCgroups(`lab-${result.pid}`);
    throw new Error(`status ${result.status}, signal ${result.signal}: ${result.stderr}`);
  }
  return JSON.parse(result.stdout);
}
