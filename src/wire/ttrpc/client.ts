/** The client's side of one connection: many calls at a time, answers in any order. */
import type { Duplex } from 'node:stream';
import { KataError } from '../error.ts';
import { Channel } from './channel.ts';
import { startDeadline } from './deadline.ts';
import { decodeResponse, encodeRequest, tooLong } from './envelope.ts';
import { type FrameEvent, MAX_PAYLOAD_LENGTH, MessageType } from './frame.ts';

/** The last stream id: they are odd, grow, and have 32 bits. */
const LAST_STREAM_ID = 2 ** 32 - 1;

/** Settings of a call. */
export interface CallOptions {
  /** Deadline in milliseconds, here and at the server. Absent is none: a wait may take days. */
  readonly timeoutMs?: number | undefined;
  /** Gives the call up. The server is not told, because ttrpc has no message for that. */
  readonly signal?: AbortSignal | undefined;
  /** Headers of the call; keys in lower case. */
  readonly metadata?: ReadonlyMap<string, string> | undefined;
}

/** A call that has no answer yet. */
interface PendingCall {
  resolve(payload: Uint8Array): void;
  reject(error: KataError): void;
}

const NO_METADATA: ReadonlyMap<string, string> = new Map();

/** A client on one connection, which it owns. It never reconnects. */
export class TtrpcClient {
  /** Resolves with the reason when the connection is closed, by whichever side; never rejects. */
  readonly closed: Promise<KataError>;
  readonly #channel: Channel;
  readonly #pending = new Map<number, PendingCall>();
  #nextStreamId = 1;

  constructor(stream: Duplex) {
    const { promise, resolve } = Promise.withResolvers<KataError>();
    this.closed = promise;
    this.#channel = new Channel(stream, 'read-on', {
      onFrame: (event) => this.#receive(event),
      // A server that sends no more answers no more.
      onEnd: () => this.close(),
      onClose: (reason) => {
        const error =
          reason.code === 'ERR_UNAVAILABLE'
            ? reason
            : new KataError('ERR_UNAVAILABLE', 'ttrpc: closed', { cause: reason });
        for (const call of this.#pending.values()) call.reject(error);
        this.#pending.clear();
        resolve(reason);
      },
    });
  }

  /**
   * Calls a method.
   * @param payload the request message, encoded.
   * @returns the response message, encoded.
   * @throws KataError with the status that the server sent; ERR_UNAVAILABLE `ttrpc: closed` where the connection is gone;
   * ERR_DEADLINE and ERR_CANCELLED by `options`; ERR_RESOURCE_EXHAUSTED where request or response is too long.
   */
  async call(service: string, method: string, payload: Uint8Array, options: CallOptions = {}): Promise<Uint8Array> {
    const { timeoutMs, signal, metadata = NO_METADATA } = options;
    const closed = this.#channel.reason;
    if (closed !== undefined) throw new KataError('ERR_UNAVAILABLE', 'ttrpc: closed', { cause: closed });
    if (signal?.aborted === true) throw cancelled(method, signal);
    const streamId = this.#nextStreamId;
    if (streamId > LAST_STREAM_ID) {
      throw new KataError('ERR_UNAVAILABLE', 'the stream ids of this connection are used up: connect again');
    }
    const request = encodeRequest({ service, method, payload, timeoutMs, metadata });
    if (request.length > MAX_PAYLOAD_LENGTH) throw tooLong('request', request.length);

    this.#nextStreamId += 2;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#pending.set(streamId, { resolve, reject });
    const giveUp = (error: KataError): void => {
      this.#pending.delete(streamId);
      reject(error);
    };
    const onAbort = (): void => {
      if (signal !== undefined) giveUp(cancelled(method, signal));
    };
    const timer = startDeadline(timeoutMs, () =>
      giveUp(new KataError('ERR_DEADLINE', `${method} had no answer within ${timeoutMs} ms`)),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#channel.send({ streamId, type: MessageType.REQUEST, flags: 0 }, request);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Closes the connection. Calls without an answer fail with `ttrpc: closed`. */
  close(): void {
    this.#channel.close();
  }

  #receive(event: Exclude<FrameEvent, { kind: 'garbage' }>): void {
    const { streamId, type } = event.header;
    const call = this.#pending.get(streamId);
    // The call was given up before its answer came.
    if (call === undefined) return;
    this.#pending.delete(streamId);
    if (event.kind === 'oversized') {
      call.reject(tooLong('response', event.length));
    } else if (type !== MessageType.RESPONSE) {
      call.reject(new KataError('ERR_PROTOCOL', `a message of type ${type} came in place of a response`));
    } else {
      try {
        call.resolve(decodeResponse(event.payload));
      } catch (error) {
        call.reject(KataError.from(error));
      }
    }
  }
}

function cancelled(method: string, signal: AbortSignal): KataError {
  return new KataError('ERR_CANCELLED', `${method} was given up`, { cause: signal.reason });
}
