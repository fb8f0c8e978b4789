/** Starting programs by posix_spawn(3). */
import { Buffer } from 'node:buffer';
import { closeSync } from 'node:fs';
import { type Bytes, cString, cStringVector, printable } from './cstring.ts';
import { check, errnoError } from './errno.ts';
import { libc } from './ffi.ts';

const native = libc({
  // SAFETY: actions and attributes are initialised; argv and envp are one allocation each with all their strings, and
  // the call keeps them referenced; it returns after the child has left our memory.
  posix_spawn: { arguments: ['buffer', 'buffer', 'buffer', 'buffer', 'buffer', 'buffer'], return: 'int32' },
  // SAFETY: glibc writes 80 bytes; the buffer has FILE_ACTIONS_BYTES. What it allocates is freed by _destroy.
  posix_spawn_file_actions_init: { arguments: ['buffer'], return: 'int32' },
  // SAFETY: called once for each init.
  posix_spawn_file_actions_destroy: { arguments: ['buffer'], return: 'int32' },
  // SAFETY: initialised actions and plain numbers.
  posix_spawn_file_actions_adddup2: { arguments: ['buffer', 'int32', 'int32'], return: 'int32' },
  // SAFETY: initialised actions; the path is NUL-terminated, and copied by glibc.
  posix_spawn_file_actions_addchdir_np: { arguments: ['buffer', 'buffer'], return: 'int32' },
  // SAFETY: initialised actions and a plain number.
  posix_spawn_file_actions_addclosefrom_np: { arguments: ['buffer', 'int32'], return: 'int32' },
  // SAFETY: glibc writes 336 bytes; the buffer has ATTRIBUTES_BYTES.
  posix_spawnattr_init: { arguments: ['buffer'], return: 'int32' },
  // SAFETY: initialised attributes and a plain number.
  posix_spawnattr_setflags: { arguments: ['buffer', 'int16'], return: 'int32' },
  // SAFETY: reads a whole sigset_t, SIGSET_BYTES.
  posix_spawnattr_setsigdefault: { arguments: ['buffer', 'buffer'], return: 'int32' },
  // SAFETY: reads a whole sigset_t, SIGSET_BYTES.
  posix_spawnattr_setsigmask: { arguments: ['buffer', 'buffer'], return: 'int32' },
  // SAFETY: F_DUPFD_CLOEXEC takes an int; variadic, passed as if declared on x86-64 and arm64.
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
});

const FILE_ACTIONS_BYTES = 256;
const ATTRIBUTES_BYTES = 512;
const SIGSET_BYTES = 128;

// spawn.h
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
// fcntl.h
const F_DUPFD_CLOEXEC = 1030;

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
  /** Descriptors of ours that become 0, 1 and 2. They stay open here. */
  readonly stdio: readonly [number, number, number];
  /** Makes the child the leader of a new session and process group. */
  readonly setsid?: boolean;
}

/** posix_spawn and its helpers answer with the errno itself, not with -1. */
function checkSpawn(call: string, number: number, detail = ''): void {
  if (number !== 0) throw errnoError(call, number, detail);
}

/**
 * The descriptors to duplicate into 0, 1 and 2. One that lies below 3 and would be overwritten before it is its turn
 * is duplicated out of the way first; `extra` has those to close.
 */
function stdioSources(stdio: SpawnOptions['stdio'], extra: number[]): readonly number[] {
  return stdio.map((fd, slot) => {
    if (fd >= FIRST_OTHER_FD || fd === slot) return fd;
    const copy = check('fcntl F_DUPFD_CLOEXEC', native.fcntl(fd, F_DUPFD_CLOEXEC, FIRST_OTHER_FD), `of ${fd}`);
    extra.push(copy);
    return copy;
  });
}

function makeAttributes(setsid: boolean): Buffer {
  const attributes = Buffer.alloc(ATTRIBUTES_BYTES);
  checkSpawn('posix_spawnattr_init', native.posix_spawnattr_init(attributes));
  const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | (setsid ? POSIX_SPAWN_SETSID : 0);
  checkSpawn('posix_spawnattr_setflags', native.posix_spawnattr_setflags(attributes, flags));
  // Node ignores SIGPIPE, and an ignored signal stays ignored across exec: every disposition is reset.
  const allSignals = Buffer.alloc(SIGSET_BYTES, 0xff);
  checkSpawn('posix_spawnattr_setsigdefault', native.posix_spawnattr_setsigdefault(attributes, allSignals));
  const noSignals = Buffer.alloc(SIGSET_BYTES);
  checkSpawn('posix_spawnattr_setsigmask', native.posix_spawnattr_setsigmask(attributes, noSignals));
  return attributes;
}

function fillActions(actions: Buffer, sources: readonly number[], cwd: Bytes | undefined): void {
  for (const [slot, fd] of sources.entries()) {
    // Where both are the same, glibc clears close-on-exec instead (POSIX.1-2024 asks for it).
    checkSpawn('adddup2', native.posix_spawn_file_actions_adddup2(actions, fd, slot), `${fd}`);
  }
  if (cwd !== undefined) {
    checkSpawn('addchdir', native.posix_spawn_file_actions_addchdir_np(actions, cString('cwd', cwd)));
  }
  checkSpawn('addclosefrom', native.posix_spawn_file_actions_addclosefrom_np(actions, FIRST_OTHER_FD));
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
  const path = cString('path', options.path);
  const argv = cStringVector('argv', options.argv);
  const env = cStringVector('env', options.env);
  const attributes = makeAttributes(options.setsid === true);
  const pid = Buffer.alloc(4);
  const extra: number[] = [];
  const actions = Buffer.alloc(FILE_ACTIONS_BYTES);
  checkSpawn('posix_spawn_file_actions_init', native.posix_spawn_file_actions_init(actions));
  try {
    fillActions(actions, stdioSources(options.stdio, extra), options.cwd);
    const detail =
      options.cwd === undefined ? printable(options.path) : `${printable(options.path)} in ${printable(options.cwd)}`;
    checkSpawn('posix_spawn', native.posix_spawn(pid, path, actions, attributes, argv, env), detail);
  } finally {
    native.posix_spawn_file_actions_destroy(actions);
    for (const fd of extra) closeSync(fd);
  }
  return pid.readInt32LE(0);
}
