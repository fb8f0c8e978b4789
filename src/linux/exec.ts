/** Becoming another program; execve(2). */

import { type Bytes, cString, cStringVector, printable } from './cstring.ts';
import { check, errnoError } from './errno.ts';
import { errno, libc } from './ffi.ts';

const native = libc({
  // SAFETY: path and vectors are NUL-terminated and stay referenced during the call; where it returns, nothing has changed.
  execve: { arguments: ['buffer', 'buffer', 'buffer'], return: 'int32' },
  // SAFETY: F_GETFD and F_SETFD take plain numbers; variadic, passed as if declared on x86-64 and arm64.
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  // SAFETY: the only handlers given are SIG_DFL and what the call itself returned, which the kernel treats as values.
  signal: { arguments: ['int32', 'pointer'], return: 'int64' },
});

// fcntl.h
const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

// signal.h, bits/signum-generic.h
const SIG_DFL = 0n;
const SIGPIPE = 13;
const SIGXFSZ = 25;
/** Node ignores these two, and an ignored signal stays ignored across an exec (signal(7)); handled ones do not. */
const IGNORED_BY_NODE = [SIGPIPE, SIGXFSZ] as const;

/** What this process becomes. */
export interface ExecRequest {
  /** The program's file; PATH is not searched. */
  readonly path: Bytes;
  readonly argv: readonly Bytes[];
  /** The whole environment, as `NAME=value` entries. */
  readonly env: readonly Bytes[];
  /** Descriptors that the program gets beside none: Node marks all that it inherited as close-on-exec. */
  readonly keep: readonly number[];
}

/**
 * Becomes the program: same pid, parent, session, working directory and limits, so that whoever started us has started it.
 * Nothing of ours runs after it, no `exit` handler and no finally.
 * @throws KataError ERR_SYSCALL, in which case we go on: ENOENT, EACCES, ENOEXEC, E2BIG; EBADF for a descriptor of `keep`
 *   that is not open. ERR_INVALID_ARGUMENT for a NUL in a string.
 */
export function becomeProgram(request: ExecRequest): never {
  const path = cString('path', request.path);
  const argv = cStringVector('argv', request.argv);
  const env = cStringVector('env', request.env);
  const flags = request.keep.map(
    (fd) => [fd, check('fcntl F_GETFD', native.fcntl(fd, F_GETFD, 0), `of ${fd}`)] as const,
  );
  for (const [fd, flag] of flags) native.fcntl(fd, F_SETFD, flag & ~FD_CLOEXEC);
  const handlers = IGNORED_BY_NODE.map((number) => [number, native.signal(number, SIG_DFL)] as const);
  native.execve(path, argv, env);
  const failure = errno();
  for (const [number, handler] of handlers) native.signal(number, handler);
  for (const [fd, flag] of flags) native.fcntl(fd, F_SETFD, flag);
  throw errnoError('execve', failure, printable(request.path));
}
