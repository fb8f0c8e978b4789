/** Starting programs by posix_spawn(3). */
import { closeSync } from 'node:fs';
import { type Bytes, printable } from './cstring.ts';
import { check } from './errno.ts';
import { libc } from './ffi.ts';
import { type SpawnAction, spawnProgram } from './spawn-actions.ts';

const native = libc({
  // SAFETY: F_DUPFD_CLOEXEC takes an int; variadic, passed as if declared on x86-64 and arm64.
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
});

// fcntl.h
const O_RDWR = 2;
const F_DUPFD_CLOEXEC = 1030;

const STDIO_SLOTS = [0, 1, 2] as const;
const FIRST_OTHER_FD = 3;

/** What to start and how. */
export interface SpawnOptions {
  /** The program's file; PATH is not searched. */
  readonly path: Bytes;
  readonly argv: readonly Bytes[];
  /** The whole environment, as `NAME=value` entries; nothing is inherited. */
  readonly env: readonly Bytes[];
  /** Working directory; the agent's own where absent. */
  readonly cwd?: Bytes;
  /** What becomes 0, 1 and 2. */
  readonly stdio: StdioDescriptors | SpawnTerminal;
  /** Makes the child the leader of a new session and process group; a terminal does that too. */
  readonly setsid?: boolean;
}

/** Descriptors of ours. They stay open here. */
type StdioDescriptors = readonly [number, number, number];

/** A terminal that no session has yet; it becomes the controlling one of the child's. */
interface SpawnTerminal {
  /** Path of its slave side. */
  readonly terminal: Bytes;
}

/** The last action of a child that keeps 0, 1 and 2 only. */
export const CLOSE_OTHERS: SpawnAction = { kind: 'closefrom', fd: FIRST_OTHER_FD };

/**
 * The actions that make descriptors of ours the child's 0, 1 and 2. One that lies below 3 and would be overwritten before
 * it is its turn is duplicated out of the way first.
 * @param copies gets those duplicates, for the caller to close after the spawn.
 */
export function stdioActions(stdio: StdioDescriptors, copies: number[]): readonly SpawnAction[] {
  return stdio.map((fd, slot) => {
    if (fd >= FIRST_OTHER_FD || fd === slot) return { kind: 'dup2', fd, to: slot };
    const copy = check('fcntl F_DUPFD_CLOEXEC', native.fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OTHER_FD), `of ${fd}`);
    copies.push(copy);
    return { kind: 'dup2', fd: copy, to: slot };
  });
}

function openActions(path: Bytes): readonly SpawnAction[] {
  // By the child, which leads its session by then: that is how a terminal becomes the controlling one; tty(4).
  return STDIO_SLOTS.map((fd) => ({ kind: 'open', fd, path, flags: O_RDWR }));
}

/**
 * Starts a program. The child has descriptors 0, 1 and 2 only, every signal at its default, an empty signal mask; it
 * inherits umask, limits, oom score and namespaces. Returns when the child has executed the program. The calling
 * thread waits for that, so the program and its cwd must not lie on a share that can hang.
 * @returns the child's pid, whose exit status must be collected by waitpid.
 * @throws KataError ERR_SYSCALL with the errno of what failed in the child: ENOENT where the program or the cwd is
 *   missing, EACCES, E2BIG, ENOTDIR; ERR_INVALID_ARGUMENT for a NUL in a string.
 */
export function posixSpawn(options: SpawnOptions): number {
  const { path, argv, env, cwd, stdio } = options;
  const copies: number[] = [];
  const actions: SpawnAction[] = cwd === undefined ? [] : [{ kind: 'chdir', path: cwd }];
  actions.push(CLOSE_OTHERS);
  const detail = cwd === undefined ? printable(path) : `${printable(path)} in ${printable(cwd)}`;
  try {
    actions.unshift(...('terminal' in stdio ? openActions(stdio.terminal) : stdioActions(stdio, copies)));
    const setsid = options.setsid === true || 'terminal' in stdio;
    return spawnProgram({ path, argv, env, setsid, actions }, detail);
  } finally {
    for (const fd of copies) closeSync(fd);
  }
}
