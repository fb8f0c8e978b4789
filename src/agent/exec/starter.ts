/** What is asked of, and given by, whoever starts a process in a container that runs. */
import type { ExitStatus } from '../../linux/wait.ts';

/** A limit of setrlimit(2), by its OCI name such as `RLIMIT_NOFILE`. */
export interface ExecRlimit {
  readonly type: string;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** Names such as `CAP_CHOWN`, as in an OCI specification. */
export interface ExecCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable: readonly string[];
  readonly ambient: readonly string[];
}

/** Who runs it: numbers as the shim sends them, or names that the container's own passwd and group know. */
export type ExecUser =
  | { readonly kind: 'numbers'; readonly uid: number; readonly gid: number; readonly groups: readonly number[] }
  /** Each a name or a number; an empty group is the user's own. */
  | { readonly kind: 'names'; readonly user: string; readonly group: string; readonly groups: readonly string[] };

/** Size of a terminal, in characters. */
export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A process to be, complete: nothing is inherited from the agent. */
export interface ExecPlan {
  readonly args: readonly string[];
  /** `NAME=value`, each name once, with a PATH where the program has no slash. HOME is added by the starter where it is absent. */
  readonly env: readonly string[];
  /** Absolute, in the container. */
  readonly cwd: string;
  readonly user: ExecUser;
  readonly capabilities: ExecCapabilities;
  readonly noNewPrivileges: boolean;
  readonly rlimits: readonly ExecRlimit[];
  readonly oomScoreAdj: number;
  readonly umask: number;
  /** Present for a process that gets a terminal; in force before its first instruction. */
  readonly terminal: TerminalSize | undefined;
}

/** The container, as far as a starter needs it. */
export interface ExecTarget {
  readonly id: string;
  /** Pid of its first process, in the agent's pid namespace. */
  readonly initPid: number;
  /** Directory of its bundle. */
  readonly bundle: string;
  /** Files `cgroup.procs` that the process's pid goes into: one for version 2, one a hierarchy for version 1. */
  readonly cgroups: readonly string[];
  /** Why only the runtime can start processes in it (a seccomp filter, ...); undefined where a thread can. */
  readonly runtimeOnly: string | undefined;
}

/** A process to start. */
export interface ExecRequest {
  readonly target: ExecTarget;
  readonly plan: ExecPlan;
  /**
   * The process's 0, 1 and 2, which stay the caller's; undefined where the plan has a terminal. The starter gives them to
   * the process's user (fchown), who could not open /dev/stdout otherwise.
   */
  readonly stdio: readonly [number, number, number] | undefined;
}

/** A process that executes its program by now. */
export interface StartedExec {
  readonly pid: number;
  /** Settles when it has ended and was collected. */
  readonly ended: Promise<ExitStatus>;
  /** Master of its terminal, the caller's from now on; undefined without one. */
  readonly master: number | undefined;
}

/** Starts processes in containers. */
export interface ExecStarter {
  /**
   * Starts one.
   * @throws KataError ERR_EXEC with phase and errno of what failed (INTERNAL on the wire); ERR_DEADLINE where it did
   *   not start in time. Nothing of it is left then.
   */
  start(request: ExecRequest): Promise<StartedExec>;
}
