/** What crun knows of a container, changed for one start. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { CRUN_ROOT } from '../sandbox/paths.ts';
import type { ExecTarget } from './starter.ts';

const PRIVATE_MODE = 0o700;

/**
 * Makes a state directory for crun in which a container's own user is `uid`: crun gives the terminal of each process to
 * the container's user, before the program runs, where the process's own could not open it by its path.
 *
 * Numbers above 2^53 lose digits on the way. They are limits of the cgroup, which crun does not look at for a process
 * that joins.
 * @param directory to be made.
 * @throws as node:fs.
 */
export function stateForUser(target: ExecTarget, uid: number, directory: string): void {
  const [from, to] = [`${CRUN_ROOT}/${target.id}`, `${directory}/${target.id}`];
  mkdirSync(to, { recursive: true, mode: PRIVATE_MODE });
  copyFileSync(`${from}/status`, `${to}/status`);
  const config = JSON.parse(readFileSync(`${from}/config.json`, 'utf8'));
  config.process.user.uid = uid;
  writeFileSync(`${to}/config.json`, JSON.stringify(config));
}
