/** posix_spawn(3) with any list of file actions. */
import { Buffer } from 'node:buffer';
import { type Bytes, cString, cStringVector, printable } from './cstring.ts';
import { errnoError } from './errno.ts';
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
  // SAFETY: initialised actions; the path is NUL-terminated, and copied by glibc; plain numbers.
  posix_spawn_file_actions_addopen: { arguments: ['buffer', 'int32', 'buffer', 'int32', 'uint32'], return: 'int32' },
  // SAFETY: initialised actions; the path is NUL-terminated, and copied by glibc.
  posix_spawn_file_actions_addchdir_np: { arguments: ['buffer', 'buffer'], return: 'int32' },
  // SAFETY: initialised actions and a plain number.
  posix_spawn_file_actions_addfchdir_np: { arguments: ['buffer', 'int32'], return: 'int32' },
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
});

const FILE_ACTIONS_BYTES = 256;
const ATTRIBUTES_BYTES = 512;
const SIGSET_BYTES = 128;

// spawn.h
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;

/** What the child does before it executes its program, after it has become the leader of a session. */
export type SpawnAction =
  /** Where both are the same, glibc clears close-on-exec instead (POSIX.1-2024 asks for it). */
  | { readonly kind: 'dup2'; readonly fd: number; readonly to: number }
  /** What `fd` was before is closed. */
  | { readonly kind: 'open'; readonly fd: number; readonly path: Bytes; readonly flags: number }
  | { readonly kind: 'chdir'; readonly path: Bytes }
  | { readonly kind: 'fchdir'; readonly fd: number }
  | { readonly kind: 'closefrom'; readonly fd: number };

/** What to start, in the kernel's own terms. */
export interface SpawnRequest {
  /** The program's file; PATH is not searched. */
  readonly path: Bytes;
  readonly argv: readonly Bytes[];
  /** The whole environment, as `NAME=value` entries; nothing is inherited. */
  readonly env: readonly Bytes[];
  /** Makes the child the leader of a new session and process group. */
  readonly setsid: boolean;
  readonly actions: readonly SpawnAction[];
  /** Called right before the child is made, when nothing can fail any more but what the child does. */
  readonly onSpawn?: () => void;
}

/** posix_spawn and its helpers answer with the errno itself, not with -1. */
function checkSpawn(call: string, number: number, detail = ''): void {
  if (number !== 0) throw errnoError(call, number, detail);
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

function addAction(actions: Buffer, action: SpawnAction): number {
  switch (action.kind) {
    case 'dup2':
      return native.posix_spawn_file_actions_adddup2(actions, action.fd, action.to);
    case 'open':
      return native.posix_spawn_file_actions_addopen(actions, action.fd, cString('path', action.path), action.flags, 0);
    case 'chdir':
      return native.posix_spawn_file_actions_addchdir_np(actions, cString('cwd', action.path));
    case 'fchdir':
      return native.posix_spawn_file_actions_addfchdir_np(actions, action.fd);
    case 'closefrom':
      return native.posix_spawn_file_actions_addclosefrom_np(actions, action.fd);
  }
}

/**
 * Starts a program with every signal at its default and an empty signal mask. Returns when the child has executed it; the
 * calling thread waits for that. The child has the calling thread's credentials, namespaces, root and umask.
 * @param detail for the error's message.
 * @returns the child's pid, whose exit status must be collected by waitpid. A child that was killed before it executed
 *   the program counts as started.
 * @throws KataError ERR_SYSCALL with the errno of the action or of the exec that failed; ERR_INVALID_ARGUMENT for a NUL in
 *   a string.
 */
export function spawnProgram(request: SpawnRequest, detail = printable(request.path)): number {
  const path = cString('path', request.path);
  const argv = cStringVector('argv', request.argv);
  const env = cStringVector('env', request.env);
  const attributes = makeAttributes(request.setsid);
  const pid = Buffer.alloc(4);
  const actions = Buffer.alloc(FILE_ACTIONS_BYTES);
  checkSpawn('posix_spawn_file_actions_init', native.posix_spawn_file_actions_init(actions));
  try {
    for (const action of request.actions) checkSpawn(`file action ${action.kind}`, addAction(actions, action));
    request.onSpawn?.();
    checkSpawn('posix_spawn', native.posix_spawn(pid, path, actions, attributes, argv, env), detail);
  } finally {
    native.posix_spawn_file_actions_destroy(actions);
  }
  return pid.readInt32LE(0);
}
