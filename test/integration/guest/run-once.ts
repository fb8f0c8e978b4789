/** Runs programs with no streams of their own, and tells how long they took. */
import { closeSync, openSync } from 'node:fs';
import { posixSpawn } from '../../../src/linux/spawn.ts';
import { waitAny } from '../../../src/linux/wait.ts';

/** Where the programs of the guest are. */
export const PATH = 'PATH=/usr/sbin:/usr/bin';

/** /dev/null, for programs that need no streams. */
export const nothing = openSync('/dev/null', 'r+');
process.on('exit', () => closeSync(nothing));

/**
 * Starts a program and waits until its status is collected; one at a time.
 * @param argv with the program's path first.
 * @returns how long that took (ms).
 */
function runOnce(argv: readonly string[]): Promise<number> {
  return new Promise((resolve) => {
    const began = performance.now();
    let pid = 0;
    const collect = (): void => {
      for (let ended = waitAny(); ended !== undefined; ended = waitAny()) {
        if (ended.pid !== pid) continue;
        process.off('SIGCHLD', collect);
        resolve(performance.now() - began);
      }
    };
    // Before the program starts: it may have ended before the next line is executed.
    process.on('SIGCHLD', collect);
    pid = posixSpawn({ path: argv[0] ?? '', argv, env: [PATH], stdio: [nothing, nothing, nothing] });
  });
}

/** Answers a request to run a program: its arguments in JSON. @returns the time, as a line. */
export async function answerRun(line: string): Promise<string> {
  // Reason for the cast: the bench on the other side writes exactly this.
  return `${await runOnce(JSON.parse(line) as string[])}\n`;
}
