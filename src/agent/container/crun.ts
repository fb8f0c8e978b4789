/** The OCI runtime. It makes containers; all that comes after is the agent's. */
import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type ExitStatus, exitCode } from '../../linux/wait.ts';
import { hasErrno, KataError } from '../../wire/error.ts';
import { findProgram, killGroup, runCommand } from '../process/command.ts';
import type { Child, Reaper } from '../process/reaper.ts';
import { fulfilledWithin } from '../process/within.ts';
import { CRUN_ROOT } from '../sandbox/paths.ts';
import type { StdioPipes } from '../stream/stdio.ts';
import { crunFailure } from './crun-error.ts';

/**
 * Making a container looks up its mounts on the share, which may not answer. Callers give 60 s for the whole request
 * (ms).
 */
const CREATE_DEADLINE_MS = 40_000;
/** Starting by the program is the fall-back; all it does is to write to a pipe (ms). */
const START_DEADLINE_MS = 10_000;

const GLOBAL_OPTIONS = ['--root', CRUN_ROOT, '--cgroup-manager=cgroupfs'] as const;

/** What a container is made of. */
export interface CrunCreate {
  readonly id: string;
  /** Directory with `config.json`. */
  readonly bundle: string;
  /** The container's program, for messages. */
  readonly program: string;
  readonly stdio: StdioPipes['child'];
  /** Where its terminal is sent to; undefined where it has none. */
  readonly consoleSocket: string | undefined;
  /** The machine's root is the kernel's first one, which cannot be pivoted away from. */
  readonly noPivot: boolean;
}

/**
 * Starts crun, in a session of its own.
 * @param args what follows the options for all commands.
 * @throws KataError ERR_SYSCALL where it cannot be started.
 */
export function crunSpawn(reaper: Reaper, args: readonly string[], stdio: readonly [number, number, number]): Child {
  const path = process.env['PATH'] ?? '';
  const argv = ['crun', ...GLOBAL_OPTIONS, ...args];
  return reaper.spawn({ path: findProgram('crun', path), argv, env: [`PATH=${path}`], stdio, setsid: true });
}

/** The container's first process: it waits for {@link crunStart} before it executes its program. */
export interface CrunInit {
  readonly pid: number;
  /** Settles when it has ended and was collected. */
  readonly ended: Promise<ExitStatus>;
}

function readLog(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return '';
    throw error;
  }
}

/**
 * Makes a container up to, but not including, the execution of its program.
 * @throws KataError ERR_COMMAND with the reason; ERR_DEADLINE. What was made by then is the caller's to remove.
 */
export async function crunCreate(reaper: Reaper, request: CrunCreate): Promise<CrunInit> {
  const { id, bundle, program, stdio, noPivot, consoleSocket } = request;
  const log = `${bundle}/crun.log`;
  const pidFile = `${bundle}/pid`;
  const options = ['--bundle', bundle, '--pid-file', pidFile];
  if (noPivot) options.push('--no-pivot');
  if (consoleSocket !== undefined) options.push('--console-socket', consoleSocket);
  const before = performance.now();
  const crun = crunSpawn(reaper, [`--log=${log}`, 'create', ...options, '--', id], stdio);
  if (!(await fulfilledWithin(crun.ended, CREATE_DEADLINE_MS))) {
    killGroup(crun.pid);
    throw new KataError('ERR_DEADLINE', `crun did not make the container within ${CREATE_DEADLINE_MS} ms`);
  }
  if (exitCode(await crun.ended) !== 0) throw new KataError('ERR_COMMAND', crunFailure(readLog(log), program));
  const pid = Number(readFileSync(pidFile, 'utf8'));
  // It may have ended already: the reaper keeps the status, and hands out none from before its birth.
  return { pid, ended: reaper.waitFor(pid, before) };
}

/** Opens crun's start pipe. @returns undefined where there is none. @throws KataError where nobody waits at it. */
function openStartPipe(id: string): number | undefined {
  const path = `${CRUN_ROOT}/${id}/exec.fifo`;
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    // fifo(7): ENXIO means that no process has the other side open.
    if (hasErrno(error, 'ENXIO')) {
      throw new KataError('ERR_INTERNAL', `container ${id}: its first process has ended before the start`);
    }
    throw KataError.from(error);
  }
}

/**
 * Lets the container's first process execute its program: one byte into the pipe at which crun left it. That takes a
 * tenth of the time that `crun start` does, which is used where the pipe is not there.
 * @throws KataError ERR_INTERNAL where the process has ended before; ERR_COMMAND, ERR_DEADLINE of the fall-back.
 */
export async function crunStart(reaper: Reaper, id: string, program: string): Promise<void> {
  const pipe = openStartPipe(id);
  if (pipe === undefined) {
    const argv = ['crun', ...GLOBAL_OPTIONS, 'start', '--', id];
    const { status, stderr } = await runCommand(reaper, argv, { deadlineMs: START_DEADLINE_MS });
    if (exitCode(status) !== 0) throw new KataError('ERR_COMMAND', crunFailure(stderr.toString('utf8'), program));
    return;
  }
  try {
    writeSync(pipe, '0');
  } finally {
    closeSync(pipe);
  }
  // crun takes a container whose pipe is there for one that was not started.
  rmSync(`${CRUN_ROOT}/${id}/exec.fifo`, { force: true });
}

/** Forgets a container of which nothing runs any more. Does nothing for one that crun does not know. */
export async function crunForget(id: string): Promise<void> {
  await rm(`${CRUN_ROOT}/${id}`, { recursive: true, force: true });
}
