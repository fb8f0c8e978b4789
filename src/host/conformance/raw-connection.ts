/** A connection on which frames are sent that a client never sends. */
import type { Duplex } from 'node:stream';
import { KataError } from '../../wire/error.ts';
import { ttrpc } from '../../wire/generated/proto.js';
import { encodeRequest } from '../../wire/ttrpc/envelope.ts';
import { encodeFrame, FrameDecoder, HEADER_LENGTH, MessageType } from '../../wire/ttrpc/frame.ts';

/** A call whose envelope is as it should be. */
export interface RawCall {
  readonly service: string;
  readonly method: string;
  readonly payload?: Uint8Array;
  readonly timeoutMs?: number;
}

/** The status of an answer; code 0 is OK. */
export interface RawAnswer {
  readonly code: number;
  readonly text: string;
}

/** See above. It is closed by its user. */
export class RawConnection {
  readonly #stream: Duplex;
  readonly #decoder = new FrameDecoder();
  readonly #waiting = new Map<number, PromiseWithResolvers<RawAnswer>>();

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (bytes: Uint8Array) => this.#take(bytes));
    const onEnd = (): void => this.#end();
    // A reset is an end: the agent may close a connection that sends what it cannot read.
    stream.on('error', onEnd).on('end', onEnd).on('close', onEnd);
  }

  /** Sends bytes as they are. */
  send(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  /**
   * Sends a call, and waits for its answer.
   * @throws KataError ERR_UNAVAILABLE where the connection ends before.
   */
  call(streamId: number, { service, method, payload = Buffer.alloc(0), timeoutMs }: RawCall): Promise<RawAnswer> {
    const request = encodeRequest({ service, method, payload, timeoutMs, metadata: new Map() });
    return this.#ask(streamId, request);
  }

  /** Sends a request of that many zero bytes, whatever the protocol allows, and waits for the answer. */
  callOfLength(streamId: number, length: number): Promise<RawAnswer> {
    return this.#ask(streamId, Buffer.alloc(length));
  }

  #ask(streamId: number, request: Uint8Array): Promise<RawAnswer> {
    const answer = this.answer(streamId);
    this.send(encodeFrame({ streamId, type: MessageType.REQUEST, flags: 0 }, request));
    return answer;
  }

  /** The next answer on a stream. */
  answer(streamId: number): Promise<RawAnswer> {
    const waiter = Promise.withResolvers<RawAnswer>();
    this.#waiting.set(streamId, waiter);
    return waiter.promise;
  }

  /** Ends it. */
  close(): void {
    this.#stream.destroy();
  }

  #take(bytes: Uint8Array): void {
    for (const event of this.#decoder.push(bytes)) {
      if (event.kind !== 'frame') continue;
      const { status } = ttrpc.Response.decode(event.payload);
      this.#waiting.get(event.header.streamId)?.resolve({ code: status?.code ?? 0, text: status?.message ?? '' });
      this.#waiting.delete(event.header.streamId);
    }
  }

  #end(): void {
    const error = new KataError('ERR_UNAVAILABLE', 'the agent ended the connection');
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

/** Bytes that are no frame: neither their length nor their type can be right. */
export function garbage(): Uint8Array {
  return Buffer.alloc(HEADER_LENGTH * 10, 0xfe);
}
