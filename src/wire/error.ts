/**
 * The one error class of the project, its stable codes, and the table that maps them to gRPC status codes.
 */

/** gRPC status numbers, which ttrpc shares (google.rpc.Code). */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;
export type GrpcStatus = (typeof GrpcStatus)[keyof typeof GrpcStatus];

/**
 * Every code an error of ours can carry, with the gRPC status it has on the wire. The codes are stable: programs may
 * compare them, so a code is never renamed or given another meaning.
 */
const STATUS_OF_CODE = {
  /** A field of a request is missing or wrong; the message names the field and the value. */
  ERR_INVALID_ARGUMENT: GrpcStatus.INVALID_ARGUMENT,
  /** What the request names does not exist. */
  ERR_NOT_FOUND: GrpcStatus.NOT_FOUND,
  /** What the request wants to make exists already. */
  ERR_ALREADY_EXISTS: GrpcStatus.ALREADY_EXISTS,
  /** The thing named exists, but is in a state that does not allow the call. */
  ERR_FAILED_PRECONDITION: GrpcStatus.FAILED_PRECONDITION,
  /** A limit was reached (message size, connections, descriptors). */
  ERR_RESOURCE_EXHAUSTED: GrpcStatus.RESOURCE_EXHAUSTED,
  /** The method is declared but not built. */
  ERR_UNIMPLEMENTED: GrpcStatus.UNIMPLEMENTED,
  /** A deadline passed before the work was done. */
  ERR_DEADLINE: GrpcStatus.DEADLINE_EXCEEDED,
  /** The caller gave the work up, or went away. */
  ERR_CANCELLED: GrpcStatus.CANCELLED,
  /** A payload could not be decoded. */
  ERR_DECODE: GrpcStatus.UNKNOWN,
  /** The peer is not there, or the connection to it is gone. */
  ERR_UNAVAILABLE: GrpcStatus.UNAVAILABLE,
  /** The peer broke the protocol. */
  ERR_PROTOCOL: GrpcStatus.INVALID_ARGUMENT,
  /** A system call failed; `errno` has its name. */
  ERR_SYSCALL: GrpcStatus.INTERNAL,
  /** A program that we started failed; the message has what it printed. */
  ERR_COMMAND: GrpcStatus.INTERNAL,
  /** A process could not be started in its container; `errno` has the name of what its system call answered. */
  ERR_EXEC: GrpcStatus.INTERNAL,
  /** Anything else that went wrong on our side. */
  ERR_INTERNAL: GrpcStatus.INTERNAL,
  /** The host lacks something that the harness needs. */
  ERR_HOST: GrpcStatus.FAILED_PRECONDITION,
  /** The virtual machine did not come up, or died. */
  ERR_BOOT: GrpcStatus.UNAVAILABLE,
} as const;

/** A stable error code; see {@link STATUS_OF_CODE} for what each one means. */
export type ErrorCode = keyof typeof STATUS_OF_CODE;

/** What a {@link KataError} may carry beyond its code and message. */
export interface KataErrorOptions {
  /** The error that led to this one. */
  cause?: unknown;
  /** The errno name (`ENOENT`) where a system call is the origin. */
  errno?: string | undefined;
  /** The status that goes over the wire where the contract asks for another one than the code's own. */
  status?: GrpcStatus;
}

/** An error with a stable code. Its message is one line that makes sense to a user, first line first. */
export class KataError extends Error {
  /** Stable, for programs. */
  readonly code: ErrorCode;
  /** Name of the errno where a system call is the origin, such as `ENOENT`. */
  readonly errno: string | undefined;
  /** gRPC status with which this error is answered. */
  readonly status: GrpcStatus;

  constructor(code: ErrorCode, message: string, options: KataErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'KataError';
    this.code = code;
    this.errno = options.errno;
    this.status = options.status ?? STATUS_OF_CODE[code];
  }

  /**
   * Turns whatever was thrown into a KataError.
   * - a KataError is returned as it is;
   * - an error of Node with an errno code (`ENOENT`) becomes ERR_SYSCALL and keeps the name;
   * - any other Error becomes ERR_INTERNAL with its message and itself as the cause;
   * - any other value becomes ERR_INTERNAL with its text, or with a sentence where it has none (an object without a
   *   prototype, or one whose toString throws): converting an error never throws another one.
   */
  static from(thrown: unknown): KataError {
    if (thrown instanceof KataError) return thrown;
    if (thrown instanceof Error) {
      const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
      if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) {
        return new KataError('ERR_SYSCALL', thrown.message, { cause: thrown, errno: code });
      }
      return new KataError('ERR_INTERNAL', thrown.message, { cause: thrown });
    }
    try {
      return new KataError('ERR_INTERNAL', String(thrown));
    } catch {
      return new KataError('ERR_INTERNAL', 'a value was thrown that has no text');
    }
  }
}

/** True where `thrown` is an error of Node or of ours whose errno is one of `names` (such as `'ENOENT'`). */
export function hasErrno(thrown: unknown, ...names: readonly string[]): boolean {
  return thrown instanceof Error && names.includes(KataError.from(thrown).errno ?? '');
}

/** True for the text of a code, as it comes from another process. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(STATUS_OF_CODE, text);
}
