/** What request and response frames carry: the envelopes around a method's own messages, and the errors in them. */
import Long from 'long';
import { type ErrorCode, GrpcStatus, KataError } from '../error.ts';
import { ttrpc } from '../generated/proto.js';
import { MAX_PAYLOAD_LENGTH } from './frame.ts';

/**
 * Most characters of an error's text that are sent. Programs that failed may have printed any amount; a text must never
 * make its own answer too long.
 */
export const MAX_ERROR_TEXT_LENGTH = 64 * 1024;

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

/** A request without the encoding. */
export interface RequestEnvelope {
  readonly service: string;
  readonly method: string;
  readonly payload: Uint8Array;
  /** Milliseconds in which the caller wants an answer; undefined is no limit, 0 or less is over already. */
  readonly timeoutMs: number | undefined;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Runs a decoder of generated code. @throws KataError ERR_DECODE, which says what could not be decoded. */
export function decoding<T>(what: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new KataError('ERR_DECODE', `cannot decode ${what}: ${KataError.from(error).message}`, { cause: error });
  }
}

/** At least 1, because 0 on the wire is no limit at all. */
function toNanoseconds(milliseconds: number): Long {
  return Long.fromNumber(Math.max(1, Math.ceil(milliseconds * NANOSECONDS_PER_MILLISECOND)));
}

/** Encodes a request. */
export function encodeRequest({ service, method, payload, timeoutMs, metadata }: RequestEnvelope): Uint8Array {
  return ttrpc.Request.encode({
    service,
    method,
    payload,
    timeout_nano: timeoutMs === undefined ? null : toNanoseconds(timeoutMs),
    metadata: Array.from(metadata, ([key, value]) => ({ key, value })),
  }).finish();
}

/**
 * Decodes a request. A key that repeats in the metadata keeps its last value.
 * @throws KataError ERR_PROTOCOL where it is not a request.
 */
export function decodeRequest(bytes: Uint8Array): RequestEnvelope {
  try {
    const { service, method, payload, timeout_nano: timeout, metadata } = ttrpc.Request.decode(bytes);
    return {
      service,
      method,
      payload,
      timeoutMs: timeout.isZero() ? undefined : timeout.toNumber() / NANOSECONDS_PER_MILLISECOND,
      metadata: new Map(metadata.map(({ key, value }) => [key, value])),
    };
  } catch (error) {
    throw new KataError('ERR_PROTOCOL', `cannot decode the request envelope: ${KataError.from(error).message}`, {
      cause: error,
    });
  }
}

/** Encodes a successful response, or the error ERR_RESOURCE_EXHAUSTED where it would be longer than a frame may be. */
export function encodeSuccess(payload: Uint8Array): Uint8Array {
  const bytes = ttrpc.Response.encode({ status: { code: GrpcStatus.OK }, payload }).finish();
  return bytes.length <= MAX_PAYLOAD_LENGTH ? bytes : encodeFailure(tooLong('response', bytes.length));
}

/** Encodes whatever was thrown as a response: a KataError with its status, anything else as INTERNAL. */
export function encodeFailure(thrown: unknown): Uint8Array {
  const { status, message } = KataError.from(thrown);
  return ttrpc.Response.encode({ status: { code: status, message: message.slice(0, MAX_ERROR_TEXT_LENGTH) } }).finish();
}

/** The error for a message that is longer than a frame may be. */
export function tooLong(what: 'request' | 'response', length: number, status?: GrpcStatus): KataError {
  return new KataError(
    'ERR_RESOURCE_EXHAUSTED',
    `${what} of ${length} bytes is longer than the maximum of ${MAX_PAYLOAD_LENGTH} bytes`,
    status === undefined ? {} : { status },
  );
}

/** The codes for the statuses that say clearly what is wrong; any other status is an ERR_INTERNAL. */
const CODE_OF_STATUS: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [GrpcStatus.CANCELLED, 'ERR_CANCELLED'],
  [GrpcStatus.INVALID_ARGUMENT, 'ERR_INVALID_ARGUMENT'],
  [GrpcStatus.DEADLINE_EXCEEDED, 'ERR_DEADLINE'],
  [GrpcStatus.NOT_FOUND, 'ERR_NOT_FOUND'],
  [GrpcStatus.ALREADY_EXISTS, 'ERR_ALREADY_EXISTS'],
  [GrpcStatus.RESOURCE_EXHAUSTED, 'ERR_RESOURCE_EXHAUSTED'],
  [GrpcStatus.FAILED_PRECONDITION, 'ERR_FAILED_PRECONDITION'],
  [GrpcStatus.UNIMPLEMENTED, 'ERR_UNIMPLEMENTED'],
  [GrpcStatus.UNAVAILABLE, 'ERR_UNAVAILABLE'],
]);

const KNOWN_STATUSES: ReadonlySet<number> = new Set(Object.values(GrpcStatus));

function isGrpcStatus(code: number): code is GrpcStatus {
  return KNOWN_STATUSES.has(code);
}

/**
 * Decodes a response.
 * @returns the method's response message, encoded.
 * @throws KataError with the status and the text that the server sent, or ERR_DECODE.
 */
export function decodeResponse(bytes: Uint8Array): Uint8Array {
  const { status, payload } = decoding('the response envelope', () => ttrpc.Response.decode(bytes));
  const code = status?.code ?? GrpcStatus.OK;
  if (code === GrpcStatus.OK) return payload;
  throw new KataError(CODE_OF_STATUS.get(code) ?? 'ERR_INTERNAL', status?.message ?? '', {
    status: isGrpcStatus(code) ? code : GrpcStatus.UNKNOWN,
  });
}
