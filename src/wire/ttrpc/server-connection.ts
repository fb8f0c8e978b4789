/** The server's side of one connection. docs/protocol.md has its states and what each frame is answered with. */
import type { Duplex } from 'node:stream';
import { GrpcStatus, KataError } from '../error.ts';
import { Channel } from './channel.ts';
import { startDeadline } from './deadline.ts';
import { decodeRequest, encodeFailure, encodeSuccess, type RequestEnvelope, tooLong } from './envelope.ts';
import { FrameFlag, type FrameHeader, MessageType } from './frame.ts';

/**
 * Most calls of a connection that may run at a time. A process takes up to four (both reads, a write, a wait), so this
 * is a thousand busy processes; beyond it a peer is broken or hostile.
 */
export const MAX_RUNNING_CALLS = 4096;

/**
 * Most bytes of request payloads of a connection that may be held at a time. The guest may have little memory; a shim
 * writes in pieces of 32 KiB and copies files in pieces of 1 MiB.
 */
export const MAX_RUNNING_BYTES = 32 << 20;

/**
 * How long (ms) a connection that is about to end waits for the calls that still run, so that a peer which has ended
 * its own side, or a server which is closing, still gets their answers out.
 */
export const DRAIN_TIMEOUT_MS = 5_000;

/** A call as its handler sees it. */
export interface ServerCall {
  /** Full name, such as `grpc.AgentService`. */
  readonly service: string;
  /** Bare name, such as `CreateContainer`. */
  readonly method: string;
  /** The request message, encoded. */
  readonly payload: Uint8Array;
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Aborted when nobody waits for the answer any more; its reason is a KataError: ERR_DEADLINE, or ERR_CANCELLED where
   * the connection is gone or about to end. A handler that only waits must then give up; one that changes something may
   * finish.
   */
  readonly signal: AbortSignal;
}

/** Does a call. @returns the response message, encoded. Whatever it throws becomes the answer's status. */
export type CallHandler = (call: ServerCall) => Promise<Uint8Array>;

/** A call that has not been answered. */
interface OpenCall {
  readonly abort: AbortController;
  readonly deadline: NodeJS.Timeout | undefined;
}

type State =
  /** Calls are taken. */
  | { readonly kind: 'open' }
  /** No call is taken; those that run may still answer. */
  | { readonly kind: 'draining'; readonly timer: NodeJS.Timeout }
  /** The stream is gone. */
  | { readonly kind: 'closed' };

/** One client of the server. Whatever it sends, the harm is to this connection only. */
export class ServerConnection {
  /** Resolves when the connection is closed; never rejects. */
  readonly closed: Promise<void>;
  readonly #channel: Channel;
  readonly #handler: CallHandler;
  readonly #openCalls = new Map<number, OpenCall>();
  readonly #resolveClosed: () => void;
  #state: State = { kind: 'open' };
  // Handlers that still run, which is more than the open calls where deadlines have passed.
  #running = 0;
  #runningBytes = 0;

  constructor(stream: Duplex, handler: CallHandler) {
    this.#handler = handler;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.#channel = new Channel(stream, 'stop-reading', {
      onFrame: (event) => {
        if (event.kind === 'oversized') this.#refuseOversized(event.header, event.length);
        else this.#receive(event.header, event.payload);
      },
      onEnd: () => this.drain('the peer ended the connection'),
      onClose: () => this.#end(),
    });
  }

  /**
   * Takes no more calls, tells those that run to give up, and closes when all have answered, or after
   * {@link DRAIN_TIMEOUT_MS}.
   */
  drain(why: string): void {
    if (this.#state.kind !== 'open') return;
    this.#state = { kind: 'draining', timer: setTimeout(() => this.#channel.close(), DRAIN_TIMEOUT_MS) };
    this.#cancelOpenCalls(why);
    this.#finishWhenIdle();
  }

  #receive(header: FrameHeader, payload: Uint8Array): void {
    const refusal = this.#refusalOf(header);
    if (refusal === 'ignore') return;
    if (refusal !== undefined) {
      this.#answer(header.streamId, encodeFailure(refusal));
      return;
    }
    try {
      this.#start(header.streamId, decodeRequest(payload));
    } catch (error) {
      this.#answer(header.streamId, encodeFailure(error));
    }
  }

  /** Why a frame is no call that we take; `ignore` for one that must not be answered. */
  #refusalOf({ streamId, type, flags }: FrameHeader): KataError | 'ignore' | undefined {
    // Never answered: two servers that were connected by mistake would answer each other for ever.
    if (type === MessageType.RESPONSE) return 'ignore';
    if (streamId % 2 === 0) return new KataError('ERR_PROTOCOL', 'stream id must be odd');
    // The one answer of a call that runs is its own.
    if (type === MessageType.DATA && this.#openCalls.has(streamId)) return 'ignore';
    if (type === MessageType.DATA || (type === MessageType.REQUEST && (flags & FrameFlag.REMOTE_OPEN) !== 0)) {
      return new KataError('ERR_UNIMPLEMENTED', 'streaming calls are not supported');
    }
    if (type !== MessageType.REQUEST) return new KataError('ERR_PROTOCOL', `unknown message type ${type}`);
    // Without more to come, a request may say so.
    if ((flags & ~FrameFlag.REMOTE_CLOSED) !== 0) {
      return new KataError('ERR_PROTOCOL', `unknown flags 0x${flags.toString(16).padStart(2, '0')} on a request`);
    }
    // A smaller id than the last is fine: a client with many threads may send two calls in another order.
    if (this.#openCalls.has(streamId)) return new KataError('ERR_PROTOCOL', `stream id ${streamId} is in use`);
    if (this.#state.kind !== 'open') return new KataError('ERR_UNAVAILABLE', 'the server is closing');
    return undefined;
  }

  #refuseOversized(header: FrameHeader, length: number): void {
    const refusal = this.#refusalOf(header);
    if (refusal === 'ignore') return;
    const error = refusal ?? tooLong('request', length, GrpcStatus.INVALID_ARGUMENT);
    this.#answer(header.streamId, encodeFailure(error));
  }

  #start(streamId: number, request: RequestEnvelope): void {
    const { timeoutMs, payload } = request;
    if (timeoutMs !== undefined && timeoutMs <= 0) throw timeoutError();
    if (this.#running >= MAX_RUNNING_CALLS) {
      throw new KataError('ERR_RESOURCE_EXHAUSTED', `${MAX_RUNNING_CALLS} calls are running on this connection`);
    }
    if (this.#runningBytes + payload.length > MAX_RUNNING_BYTES) {
      throw new KataError(
        'ERR_RESOURCE_EXHAUSTED',
        `the calls running on this connection hold ${MAX_RUNNING_BYTES} bytes`,
      );
    }
    const abort = new AbortController();
    const deadline = startDeadline(timeoutMs, () => {
      this.#settle(streamId, call, encodeFailure(timeoutError()));
      abort.abort(timeoutError());
    });
    const call: OpenCall = { abort, deadline };
    this.#openCalls.set(streamId, call);
    void this.#run(streamId, call, request);
  }

  async #run(streamId: number, call: OpenCall, { service, method, payload, metadata }: RequestEnvelope): Promise<void> {
    this.#running += 1;
    this.#runningBytes += payload.length;
    let response: Uint8Array;
    try {
      response = encodeSuccess(await this.#handler({ service, method, payload, metadata, signal: call.abort.signal }));
    } catch (error) {
      response = encodeFailure(error);
    }
    this.#running -= 1;
    this.#runningBytes -= payload.length;
    this.#settle(streamId, call, response);
  }

  /** Answers a call, unless it has been answered (its deadline passed) or its connection is gone. */
  #settle(streamId: number, call: OpenCall, response: Uint8Array): void {
    if (this.#openCalls.get(streamId) !== call) return;
    this.#openCalls.delete(streamId);
    clearTimeout(call.deadline);
    this.#answer(streamId, response);
    this.#finishWhenIdle();
  }

  #answer(streamId: number, payload: Uint8Array): void {
    this.#channel.send({ streamId, type: MessageType.RESPONSE, flags: 0 }, payload);
  }

  #cancelOpenCalls(why: string): void {
    for (const { abort } of this.#openCalls.values()) abort.abort(new KataError('ERR_CANCELLED', why));
  }

  #finishWhenIdle(): void {
    if (this.#state.kind === 'draining' && this.#openCalls.size === 0) this.#channel.finish();
  }

  #end(): void {
    if (this.#state.kind === 'draining') clearTimeout(this.#state.timer);
    this.#state = { kind: 'closed' };
    for (const { deadline } of this.#openCalls.values()) clearTimeout(deadline);
    this.#cancelOpenCalls('the connection is gone');
    this.#openCalls.clear();
    this.#resolveClosed();
  }
}

/** The answer to a call whose deadline passed; the text is what other servers of ttrpc send. */
function timeoutError(): KataError {
  return new KataError('ERR_DEADLINE', 'timeout');
}
