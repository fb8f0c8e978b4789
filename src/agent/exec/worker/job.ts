/** What the launcher and its threads say to each other. */
import type { ErrorCode } from '../../../wire/error.ts';
import type { ResolvedUser } from '../resolve-user.ts';
import type { ExecUser, TerminalSize } from '../starter.ts';

/** What a thread is for as long as it lives: the kernel takes neither of these back. */
export interface ThreadKind {
  /** Capabilities that its bounding set keeps, as bits. */
  readonly bounding: bigint;
  readonly noNewPrivileges: boolean;
}

/** What a thread is born with. */
export interface ThreadData {
  readonly kind: ThreadKind;
  /** Directory of its gate; O_PATH. */
  readonly gateDirectory: number;
  /** Name of its gate in there. */
  readonly gateName: string;
  /** Root of the agent's own /proc; O_PATH. */
  readonly procRoot: number;
  /** The agent itself, to find the way home; a pidfd. */
  readonly home: number;
  /** One 32-bit number: the last job that was given up, which must not start a process any more. */
  readonly givenUp: SharedArrayBuffer;
}

/** Looks a user up in a container. */
interface UserJob {
  readonly kind: 'user';
  /** The container's first process; a pidfd. */
  readonly target: number;
  readonly user: ExecUser;
}

/** What becomes a process's 0, 1 and 2. */
export type LaunchIo =
  | { readonly kind: 'terminal'; readonly size: TerminalSize }
  | { readonly kind: 'descriptors'; readonly fds: readonly [number, number, number] };

/** Starts a process in a container. */
export interface LaunchJob {
  readonly kind: 'launch';
  readonly target: number;
  /** Counts the launches of the thread from 1. */
  readonly number: number;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ExecUser;
  readonly inheritable: bigint;
  readonly ambient: bigint;
  readonly umask: number;
  readonly io: LaunchIo;
}

export type Job = UserJob | LaunchJob;

/** The last word about a job. */
export type JobResult =
  | { readonly kind: 'user'; readonly user: ResolvedUser }
  /** The process executes its program, or was killed on the way there. `master` is the launcher's from now on. */
  | { readonly kind: 'spawned'; readonly pid: number; readonly master: number | undefined }
  /** The parts of the error; `errno` is a name, or empty. */
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly errno: string };

/** What a thread says. */
export type ThreadMessage =
  | { readonly kind: 'ready'; readonly thread: number }
  /** All that can be looked up was; the child is being made now, and will wait at the gate. */
  | { readonly kind: 'spawning' }
  | { readonly kind: 'done'; readonly result: JobResult };
