/** The way out of the machine. */
import { powerOff } from '../../linux/reboot.ts';
import { posixSpawn } from '../../linux/spawn.ts';
import { waitAny } from '../../linux/wait.ts';
import type { LogOutput } from '../log/log-output.ts';

/** For the disks to take what is still in memory; a disk that takes longer does not answer (ms). */
const SYNC_DEADLINE_MS = 10_000;
/** Waits between two looks at the child double from the first to the longest (ms). */
const FIRST_WAIT_MS = 4;
const LONGEST_WAIT_MS = 128;
const SYNC = '/bin/sync';

/**
 * Flushes all file systems by a child program: sync(2) can hang on one that does not answer, and then nothing could
 * power the machine off any more. Blocks the thread, for which nothing else is left to do.
 * @returns why it is not certain that all is on the disks; undefined where it is.
 */
function syncByChild(): string | undefined {
  const pid = posixSpawn({ path: SYNC, argv: [SYNC], env: [], stdio: [0, 1, 2], setsid: true });
  const deadline = performance.now() + SYNC_DEADLINE_MS;
  const clock = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  for (let wait = FIRST_WAIT_MS; performance.now() < deadline; wait = Math.min(2 * wait, LONGEST_WAIT_MS)) {
    for (let ended = waitAny(); ended !== undefined; ended = waitAny()) {
      if (ended.pid === pid) return undefined;
    }
    Atomics.wait(clock, 0, 0, wait);
  }
  return `sync did not end within ${SYNC_DEADLINE_MS} ms`;
}

/**
 * Keeps V8 from starting to optimise anything more. Its compilers run on a thread of their own, and would be paged in
 * from the very disk that the power-off takes away: I/O errors on the console, and a SIGBUS in PID 1. What is being
 * compiled already has the time of the sync to end.
 */
function stopOptimising(): undefined {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  setFlagsFromString('--no-maglev');
  setFlagsFromString('--no-turbofan');
}

/** Runs one step of the way out; whatever goes wrong in it is said on the console and does not stop the next one. */
function step(output: LogOutput, name: string, run: () => string | undefined): void {
  let trouble: string | undefined;
  try {
    trouble = run();
  } catch (error) {
    trouble = String(error);
  }
  if (trouble === undefined) return;
  try {
    output.lastWords(`kata-agent: ${name}: ${trouble}\n`);
  } catch {
    // The console is the last place to say anything at.
  }
}

/**
 * Syncs and powers the machine off. Never returns to serve again and never throws: an exit of PID 1 is a kernel panic.
 * Where the kernel refuses to power off, as in a container without CAP_SYS_BOOT, the process exits.
 */
export function endMachine(output: LogOutput): never {
  step(output, 'compiler', stopOptimising);
  step(output, 'log', () => {
    output.flushConsole();
    return undefined;
  });
  step(output, 'sync', syncByChild);
  step(output, 'power off', () => {
    powerOff();
    return undefined;
  });
  process.exit(1);
}
